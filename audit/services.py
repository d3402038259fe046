"""Writing to the record, beside the journal itself."""

import time
from typing import Any
from uuid import UUID

from audit import selectors
from audit.journal import journal
from audit.models import Conversation
from audit.openings import opening
from audit.records.event import Event, Kind

__all__ = ["heal_interrupted", "open_conversation", "opening"]

# A stream this quiet (in seconds) has lost its server, and nobody came back to have it gone on with.
ABANDONED_AFTER = 600
INTERRUPTED = "The server stopped in mid-answer. Please ask again."


def open_conversation(user: Any, identifier: UUID, first_words: str) -> Conversation:
    """Return the conversation, made when it is new and titled with the beginning of its first question.

    Raises NotAllowed when it is another user's. Not to be called inside a transaction. A question opens its conversation by
    itself (`opening` for the journal's `append`), in one transaction with it.
    """
    journal().submit([], opening=opening(user, identifier, first_words)).result()
    return Conversation.objects.get(pk=identifier)


def heal_interrupted(quiet: float = ABANDONED_AFTER) -> int:
    """Put an end on the streams whose server was killed `quiet` seconds ago or more, and return how many there were.

    Until then another server, or the same one started again, may go on with them.
    """
    newest = time.time_ns() // 1000 - round(quiet * 1_000_000)
    ends = []
    for prompt in selectors.open_streams():
        offset, last = selectors.next_offset(prompt.stream)
        if max(last, prompt.at) <= newest:
            ends.append(_interrupted(prompt, offset))
    if ends:
        journal().submit(ends).result()
    return len(ends)


def _interrupted(prompt: Event, offset: int) -> Event:
    return Event(
        kind=Kind.FAULT,
        conversation=prompt.conversation,
        stream=prompt.stream,
        epoch=prompt.epoch,
        offset=offset,
        actor=prompt.actor,
        at=time.time_ns() // 1000,
        text=INTERRUPTED,
        meta={"code": "interrupted"},
    )
