"""Conversations that are opened by their first question: the journal makes many at once, in the questions' transaction.

Plain SQL, because whoever waits for the first word of an answer waits for this.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils import timezone

from audit import tracking
from audit.errors import NotAllowed
from audit.models import Conversation
from audit.records.event import Event
from audit.vault import Owner, Vault, new_subject, seal_text

TITLE_LIMIT = 80


@dataclass(frozen=True, slots=True)
class Opening:
    """A conversation that a user writes in; it is made and titled when it is new."""

    conversation: UUID
    user_id: int
    name: str
    title: str


def opening(user: Any, conversation: UUID, first_words: str) -> Opening:
    """Return the opening of a conversation, titled with the beginning of its first question."""
    title = " ".join(first_words.split())
    if len(title) > TITLE_LIMIT:
        title = title[: TITLE_LIMIT - 1].rstrip() + "…"
    return Opening(conversation, user.pk, user.get_username(), title)


def write(connection: Any, cursor: Any, keys: Vault, openings: Sequence[Opening]) -> list[Event | NotAllowed | None]:
    """Make the conversations that are new, inside a journal's transaction.

    Return for each opening the event that says so, None for a conversation that was there, NotAllowed for another user's.
    """
    owned = _owned(connection, cursor, {one.conversation for one in openings})
    now = timezone.now()
    made: list[Conversation] = []
    results: list[Event | NotAllowed | None] = []
    for one in openings:
        if one.conversation in owned:
            theirs = owned[one.conversation] == one.user_id
            results.append(None if theirs else NotAllowed("that conversation belongs to somebody else"))
            continue
        owned[one.conversation] = one.user_id
        owner, rows = _owner(connection.alias, keys, one.name)
        row = Conversation(
            pk=one.conversation, user_id=one.user_id, subject_id=owner.subject, created=now, updated=now,
            sealed_title=seal_text(one.title, owner),
        )  # fmt: skip
        made.append(row)
        rows.append(tracking.described(row))
        results.append(tracking.state(rows, "a conversation was opened", actor=one.name, conversation=one.conversation))
    if made:
        fields = Conversation._meta.concrete_fields
        cursor.executemany(
            f"INSERT INTO audit_conversation ({', '.join(str(field.column) for field in fields)})"
            f" VALUES ({', '.join(['%s'] * len(fields))})",
            [[field.get_db_prep_save(field.value_from_object(row), connection) for field in fields] for row in made],
        )
    return results


def _owned(connection: Any, cursor: Any, conversations: set[UUID]) -> dict[UUID, int | None]:
    """Return whose those of the conversations are that there are."""
    native = connection.features.has_native_uuid_field
    marks = ", ".join(["%s"] * len(conversations))
    wanted = [one if native else one.hex for one in conversations]
    cursor.execute(f"SELECT id, user_id FROM audit_conversation WHERE id IN ({marks})", wanted)
    return {one if native else UUID(hex=one): user for one, user in cursor.fetchall()}


def _owner(alias: str, keys: Vault, name: str) -> tuple[Owner, tracking.Rows]:
    """Return who is called that, and the rows of one who was not known."""
    owner = keys.find(name)
    if owner is not None:
        return owner, []
    subject, made = new_subject(name)
    rows = [tracking.save(row, alias) for row in (subject, *made)]
    owner = keys.find(name)
    assert owner is not None
    return owner, rows
