"""What a user may do with the list of their conversations: name them, take them off, put them back. The record keeps all."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.utils import timezone

from audit import tracking
from audit.errors import NotFound
from audit.models import Conversation, Shelved
from audit.openings import TITLE_LIMIT
from audit.records.event import Event
from audit.vault import seal_text, vault


def rename(user: Any, identifier: UUID, title: str) -> None:
    """Give a conversation of the user another title, cut to TITLE_LIMIT. Raises NotFound for another's and an empty one."""
    words = " ".join(title.split())[:TITLE_LIMIT]
    if not words:
        raise NotFound("a title has at least one letter")

    def change(row: Conversation) -> tracking.Rows:
        owner = vault().owner(row.subject)
        if owner is None:
            raise NotFound("what was said here was erased")
        row.sealed_title = seal_text(words, owner)
        return [tracking.save(row)]

    _write(user, identifier, "a conversation got another title", change)


def shelve(user: Any, identifier: UUID) -> None:
    """Take a conversation off its user's list. Raises NotFound for another's."""

    def change(row: Conversation) -> tracking.Rows:
        if Shelved.objects.filter(pk=row.pk).exists():
            return []
        return [tracking.save(Shelved(conversation=row, at=timezone.now()))]

    _write(user, identifier, "a conversation was taken off the list", change)


def restore(user: Any, identifier: UUID) -> None:
    """Put a conversation back on its user's list. Raises NotFound for another's."""

    def change(row: Conversation) -> tracking.Rows:
        return [tracking.delete(found) for found in Shelved.objects.filter(pk=row.pk)]

    _write(user, identifier, "a conversation was put back on the list", change)


def _write(user: Any, identifier: UUID, text: str, change: Callable[[Conversation], tracking.Rows]) -> None:
    """Run `change` with the row as it is in the journal's transaction, and put on the ledger what it wrote."""

    def work(_head: int) -> list[Event]:
        row = Conversation.objects.select_related("subject").filter(user=user, pk=identifier).first()
        if row is None:
            raise NotFound("there is no such conversation of yours")
        rows = change(row)
        return [tracking.state(rows, text, actor=user.get_username(), conversation=identifier)] if rows else []

    tracking.write(work)
