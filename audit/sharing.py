"""Links by which signed-in users read a conversation of somebody else. Each look stands on the ledger before it is given."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from audit import selectors, tracking
from audit.access import log_access
from audit.errors import NotAllowed, NotFound
from audit.models import Conversation, Share
from audit.records import branches
from audit.records.event import Event
from audit.records.transcript import Turn

# Links to one conversation that count at a time.
SHARES = 20


def share(user: Any, identifier: UUID) -> Share:
    """Return a new link to a conversation of the user, as far as it goes now. Raises NotFound for another's, NotAllowed when
    there are SHARES already."""
    made: list[Share] = []

    def work(_head: int) -> list[Event]:
        row = Conversation.objects.filter(user=user, pk=identifier).first()
        if row is None:
            raise NotFound("there is no such conversation of yours")
        if standing(identifier).count() >= SHARES:
            raise NotAllowed(f"a conversation has at most {SHARES} links: revoke one first")
        made.append(Share(conversation=row, made=timezone.now()))
        rows = [tracking.save(made[-1])]
        return [tracking.state(rows, "a conversation was shared", actor=user.get_username(), conversation=identifier)]

    tracking.write(work)
    return made[-1]


def standing(identifier: UUID) -> QuerySet[Share]:
    """Return the links to a conversation that count, the newest first."""
    return Share.objects.filter(conversation=identifier, revoked=None)


def revoke(user: Any, identifier: UUID) -> None:
    """Make a link to a conversation of the user count no longer. Raises NotFound for a link that does not count."""

    def work(_head: int) -> list[Event]:
        row = Share.objects.filter(pk=identifier, revoked=None, conversation__user=user).first()
        if row is None:
            raise NotFound("there is no such link of yours")
        row.revoked = timezone.now()
        rows = [tracking.save(row)]
        conversation = row.conversation_id
        return [tracking.state(rows, "a link was revoked", actor=user.get_username(), conversation=conversation)]

    tracking.write(work)


def read(user: Any, identifier: UUID) -> tuple[Conversation, list[Turn]]:
    """Return the conversation of a link and its turns of the time when the link was made, once the look is on the ledger.

    Of questions with several versions there is the newest of that time, with what follows it: what was put in other words
    is not handed on.

    Raises NotFound for a link that does not count (any more), and when the conversation's words were erased.
    """
    found = Share.objects.select_related("conversation").filter(pk=identifier, revoked=None).first()
    if found is None or found.conversation.user_id is None:
        raise NotFound("this link does not count, or does not count any more")
    row = found.conversation
    log_access(user.get_username(), "viewed", "a shared link", conversation=row.pk, share=str(found.pk))
    until = round(found.made.timestamp() * 1_000_000)
    turns = selectors.full_transcript(row.pk)
    asked = {turn.stream for turn in turns if turn.role == "user" and turn.at <= until}
    then = [turn for turn in turns if turn.stream in asked]
    return row, branches.path(then, branches.newest(then))
