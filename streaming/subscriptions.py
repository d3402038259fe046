"""Subscriptions: one client's reading of a topic, and events from clients."""

from collections.abc import AsyncGenerator, Callable
from typing import Any
from uuid import UUID

import orjson
from channels.db import database_sync_to_async

from streaming import checkpoints
from streaming.errors import Malformed, ResumeImpossible
from streaming.flow.events import StreamChunk, StreamEvent
from streaming.flow.filters import Filter
from streaming.hub import hub
from streaming.protocol import frames
from streaming.protocol.codes import Reliability
from streaming.topics import Topic

KIND_LIMIT = 64


class Subscription:
    """Reads a topic through a filter; `start` is the offset that comes first.

    With reliability exactly once the client keeps the position; with at least once the server does, under `label`, as far
    as the client has acknowledged; with at most once nobody does, and who is too slow misses events.
    """

    def __init__(self, topic: Topic, user: Any, wanted: Filter, reliability: Reliability, label: str) -> None:
        self.topic = topic
        self.user = user
        self.start = topic.next_offset
        self._filter = wanted
        self._reliability = reliability
        self._label = label
        self._left = False

    @property
    def name(self) -> UUID:
        return self.topic.name

    @property
    def conversation(self) -> UUID:
        return self.topic.name

    @property
    def epoch(self) -> int:
        return self.topic.epoch

    async def read(self, offset: int = 0, epoch: int = 0) -> AsyncGenerator[StreamEvent]:
        """Yield the events that pass, from `offset` on. Raises ResumeImpossible for what is no longer kept."""
        topic = self.topic
        lossy = self._reliability == Reliability.AT_MOST_ONCE
        async for event in topic.read_newest(offset) if lossy else topic.read(offset):
            if isinstance(event, StreamChunk) and (not self._filter or self._filter.passes(topic.parsed(event))):
                yield event

    def acknowledge(self, offset: int) -> None:
        """Note that the client has all below `offset`."""
        if self._reliability == Reliability.AT_LEAST_ONCE and self._label:
            checkpoints.note(self.user.pk, self.name, self._label, self.epoch, offset)

    def release(self, *, leaving: bool) -> None:
        """End the subscription."""
        if not self._left:
            self._left = True
            hub.leave(self.topic, self.user)


async def subscribe(user: Any, frame: frames.Resume, reliability: Reliability) -> Subscription:
    """Return the subscription that a RESUME with a topic asks for. Raises StreamingError.

    Where it starts: at the offset, if an epoch is given; else where the acknowledged position is, for at least once; else
    with what comes from now on. With at least once that place is kept at once: what comes before the first acknowledgement
    must not be missed by who comes back.
    """
    try:
        wanted = Filter.parse(frame.filter)
    except ValueError as error:
        raise Malformed(str(error)) from None
    topic = await hub.topic(frame.topic, user.pk)
    found = Subscription(topic, user, wanted, reliability, frame.name)
    label = frame.name if reliability == Reliability.AT_LEAST_ONCE else ""
    kept = await _in_thread(checkpoints.load, user.pk, topic.name, label) if label and not frame.epoch else None
    if frame.epoch:
        if frame.epoch != topic.epoch or frame.offset > topic.next_offset:
            raise ResumeImpossible("that part of the topic is no longer kept: subscribe without an epoch")
        found.start = frame.offset
    elif kept is not None and kept[0] == topic.epoch:
        found.start = min(kept[1], topic.next_offset)
    if label and kept != (topic.epoch, found.start):
        checkpoints.note(user.pk, topic.name, label, topic.epoch, found.start)
        await _in_thread(checkpoints.save)
    await hub.join(topic, user)
    return found


async def _in_thread(work: Callable[..., Any], *given: Any) -> Any:
    return await database_sync_to_async(work, thread_sensitive=False)(*given)


async def publish(user: Any, topic: str, identifier: bytes, text: str) -> tuple[int, int]:
    """Publish `text`, a JSON object with `data` and maybe `kind`; return epoch and offset. Raises StreamingError."""
    if len(identifier) != 16:
        raise Malformed("an event has an id of 16 random bytes")
    kind, data = parse_event(text)
    found, offset = await hub.publish(topic, user, identifier, kind, data)
    return found.epoch, offset


def parse_event(text: str | bytes) -> tuple[str, Any]:
    """Return kind and data of an event as a client writes it. Raises Malformed."""
    try:
        event = orjson.loads(text)
    except ValueError as error:
        raise Malformed(f"an event is a JSON object: {error}") from None
    if not isinstance(event, dict) or "data" not in event or not isinstance(event.get("kind", ""), str):
        raise Malformed('an event is an object like {"kind": "note", "data": ...}')
    kind = str(event.get("kind", ""))
    if len(kind) > KIND_LIMIT:
        raise Malformed(f"a kind has at most {KIND_LIMIT} characters")
    return kind, event["data"]
