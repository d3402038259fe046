"""Writing to the record, beside the journal itself."""

import time
from typing import Any
from uuid import UUID

from django.db import connection

from audit import selectors
from audit.errors import NotAllowed
from audit.journal import journal
from audit.models import Conversation
from audit.records.event import Event, Kind

TITLE_LIMIT = 80
# Where several servers share a database, a stream this quiet (in seconds) has lost its server.
ABANDONED_AFTER = 600
INTERRUPTED = "The server stopped in mid-answer. Please ask again."


def open_conversation(user: Any, identifier: UUID, first_words: str) -> Conversation:
    """Return the conversation, made when it is new and titled with the beginning of its first question.

    Raises NotAllowed when it is another user's.
    """
    title = " ".join(first_words.split())
    if len(title) > TITLE_LIMIT:
        title = title[: TITLE_LIMIT - 1].rstrip() + "…"
    found, created = Conversation.objects.get_or_create(id=identifier, defaults={"user": user, "title": title})
    if found.user_id != user.pk:
        raise NotAllowed("that conversation belongs to somebody else")
    if not created:
        found.save(update_fields=["updated"])
    return found


def heal_interrupted() -> int:
    """Put an end on the streams whose server was killed, and return how many there were.

    Called when a server starts. SQLite means one server process, so every stream without an end is a dead one; on a
    database that several servers share, only those that have been quiet for ABANDONED_AFTER are.
    """
    newest = time.time_ns() // 1000
    if connection.vendor != "sqlite":
        newest -= ABANDONED_AFTER * 1_000_000
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
