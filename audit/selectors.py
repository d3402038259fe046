"""Reading the record."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from audit.models import Conversation, Entry
from audit.records.chain import Problem, Row, Verifier
from audit.records.event import ENDS, IN_STREAM, Event, Kind, canonical_entry, content_hash
from audit.records.transcript import Turn, fold

VERIFY_BATCH = 5_000


def conversations(user: Any, limit: int = 100) -> list[Conversation]:
    """Return the user's conversations, the newest first."""
    return list(Conversation.objects.filter(user=user)[:limit])


def conversation(user: Any, identifier: UUID) -> Conversation | None:
    """Return that conversation when it is the user's."""
    return Conversation.objects.filter(user=user, pk=identifier).first()


def transcript(user: Any, identifier: UUID) -> list[Turn]:
    """Return the turns of a conversation of the user; none for another's."""
    return fold(events_of(_entries().filter(conversation=identifier, conversation__user=user)))


def full_transcript(identifier: UUID) -> list[Turn]:
    """Return the turns of any conversation, for reviewers."""
    return fold(events_of(_entries().filter(conversation=identifier)))


def stream_events(user: Any, stream: UUID) -> list[Event]:
    """Return the chunks and the end of a stream of the user, in order."""
    kinds = [kind.value for kind in IN_STREAM]
    found = _entries().filter(stream=stream, conversation__user=user, kind__in=kinds).order_by("offset")
    return list(events_of(found))


def open_streams() -> list[Event]:
    """Return the prompts whose streams have no end on the record."""
    ended = Entry.objects.filter(kind__in=[kind.value for kind in ENDS]).values("stream")
    return list(events_of(_entries().filter(kind=Kind.PROMPT.value).exclude(stream__in=ended)))


def next_offset(stream: UUID) -> tuple[int, int]:
    """Return the offset that comes next in a stream, and the time of its last event (0 when it has none)."""
    last = Entry.objects.filter(stream=stream, kind=Kind.CHUNK.value).order_by("-offset").first()
    return (last.offset + 1, last.at) if last else (0, 0)


def verify_chain(progress: Callable[[int], None] | None = None) -> tuple[int, Problem | None]:
    """Return how many entries were checked and the first problem of the whole journal, None for none.

    `progress` is called with the count after each batch. What a chain cannot show is that its end was cut off; signed
    heads kept elsewhere will (docs/reference/record.md).
    """
    verifier = Verifier()
    count = 0
    while True:
        batch = list(_entries().filter(seq__gt=verifier.sequence).order_by("seq")[:VERIFY_BATCH])
        problem = verifier.check(_rows(batch))
        if problem or not batch:
            return count, problem
        count += len(batch)
        if progress is not None:
            progress(count)


def _entries() -> QuerySet[Entry]:
    return Entry.objects.select_related("content").order_by("seq")


def events_of(entries: Iterable[Entry]) -> Iterator[Event]:
    """Yield the events that entries hold."""
    for entry in entries:
        body = json.loads(entry.content.body) if hasattr(entry, "content") else {}
        yield _event(entry, body)


def _event(entry: Entry, body: dict[str, Any]) -> Event:
    return Event(
        kind=Kind(entry.kind),
        conversation=entry.conversation_id,
        stream=entry.stream,
        epoch=entry.epoch,
        offset=entry.offset,
        actor=entry.actor,
        at=entry.at,
        text=body.get("text", ""),
        meta=body.get("meta", {}),
    )


def _rows(entries: Iterable[Entry]) -> Iterator[Row]:
    for entry in entries:
        stored = bytes(entry.content_hash)
        found = content_hash(entry.content.body.encode()) if hasattr(entry, "content") else None
        yield Row(
            sequence=entry.seq,
            entry=canonical_entry(entry.seq, _event(entry, {}), stored),
            previous=bytes(entry.previous),
            hash=bytes(entry.hash),
            content_stored=stored,
            content_found=found,
        )
