"""Streams on the record: what is written there of a stream's events, and streams read back from it."""

import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID

from audit import selectors
from audit.records.event import Event, Kind
from streaming import database
from streaming.errors import ResumeImpossible
from streaming.flow.events import StreamChunk, StreamDone, StreamEvent, StreamFault
from streaming.messages import Message
from streaming.protocol.codes import FaultCode, Finish

INTERRUPTED = "The server stopped in mid-answer. Please ask again."


def now_us() -> int:
    """Return the time in microseconds since the Unix epoch."""
    return time.time_ns() // 1000


def entry(
    message: Message,
    kind: Kind,
    *,
    offset: int = -1,
    epoch: int = 1,
    text: str = "",
    meta: Mapping[str, Any] | None = None,
) -> Event:
    """Return the event of the record that belongs to `message`, stamped with the present time."""
    return Event(
        kind=kind,
        conversation=message.conversation,
        stream=message.stream,
        epoch=epoch,
        offset=offset,
        actor=message.actor,
        at=now_us(),
        text=text,
        meta=dict(meta or {}),
    )


def to_record(message: Message, epoch: int, event: StreamEvent) -> Event:
    """Return the event of the record for an event of the stream that answers `message`."""
    match event:
        case StreamChunk():
            return entry(message, Kind.CHUNK, offset=event.offset, epoch=epoch, text=event.text)
        case StreamDone():
            meta = asdict(event)
            del meta["offset"]
            meta["finish"] = event.finish.name.lower()
            meta["first_token_ms"] = meta.pop("first_token")
            meta["duration_ms"] = meta.pop("duration")
            return entry(message, Kind.DONE, offset=event.offset, epoch=epoch, meta=meta)
        case StreamFault():
            meta = {"code": event.code.label, "retry_after_ms": event.retry_after}
            return entry(message, Kind.FAULT, offset=event.offset, epoch=epoch, text=event.message, meta=meta)


def from_record(event: Event) -> StreamEvent:
    """Return the event of the stream that `to_record` wrote; of the time that a fault asks to wait, what is left now."""
    meta = event.meta
    if event.kind == Kind.CHUNK:
        return StreamChunk(event.offset, event.text)
    if event.kind == Kind.FAULT:
        code = FaultCode.named(str(meta.get("code", "")))
        left = _number(meta, "retry_after_ms") - max(0, now_us() - event.at) // 1000
        return StreamFault(event.offset, code, event.text, max(0, left))
    finish = str(meta.get("finish", "")).upper()
    return StreamDone(
        event.offset,
        check=_number(meta, "check"),
        finish=Finish.__members__.get(finish, Finish.STOP),
        model=str(meta.get("model", "")),
        tier=str(meta.get("tier", "")),
        prompt_tokens=_number(meta, "prompt_tokens"),
        completion_tokens=_number(meta, "completion_tokens"),
        cost=_number(meta, "cost"),
        first_token=_number(meta, "first_token_ms"),
        duration=_number(meta, "duration_ms"),
    )


def _number(meta: Mapping[str, Any], name: str) -> int:
    value = meta.get(name, 0)
    return value if isinstance(value, int) else 0


class RecordedStream:
    """A stream that no process here is writing any more, read from the record.

    `prompt` is what it answers, `last_at` when the last event came (microseconds since the Unix epoch). With `unended` its
    end is missing: it is being written elsewhere, or its server was killed.
    """

    def __init__(self, prompt: Event, events: list[StreamEvent], epoch: int, last_at: int) -> None:
        self.prompt = prompt
        self.name = prompt.stream
        self.conversation = prompt.conversation
        self.epoch = epoch
        self.events = events
        self.last_at = last_at

    @property
    def ended(self) -> bool:
        return not self.unended

    @property
    def unended(self) -> bool:
        return not self.events or isinstance(self.events[-1], StreamChunk)

    @property
    def next_offset(self) -> int:
        return len(self.events)

    def close(self) -> None:
        """Give a stream that nobody will go on with the end that healing will put on the record."""
        if self.unended:
            self.events.append(StreamFault(len(self.events), FaultCode.INTERRUPTED, INTERRUPTED))

    async def read(self, offset: int = 0, epoch: int = 0) -> AsyncGenerator[StreamEvent]:
        """Yield the events from `offset` on. Raises ResumeImpossible."""
        self.check(offset, epoch)
        for event in self.events[offset:]:
            yield event

    async def refusal(self) -> StreamFault | None:
        """Return why there is no answer: the fault that stands in its place."""
        first = self.events[0] if len(self.events) == 1 else None
        return first if isinstance(first, StreamFault) else None

    def check(self, offset: int, epoch: int) -> None:
        """Raise ResumeImpossible unless reading from there is possible."""
        if (epoch or self.epoch) != self.epoch or offset > len(self.events):
            raise ResumeImpossible("that part of the answer is no longer kept: load the conversation anew")

    def release(self, *, leaving: bool) -> None:
        """Nothing waits for the readers of what has ended."""


async def load(user: Any, name: UUID) -> RecordedStream | None:
    """Return the stream of that user from the record, None when there is none."""
    found: list[Event] = await database.visit(selectors.stream_history, user, name)
    if not found or found[0].kind != Kind.PROMPT:
        return None
    prompt, *events = found
    epoch = events[0].epoch if events else prompt.epoch
    return RecordedStream(prompt, [from_record(event) for event in events], epoch, found[-1].at)
