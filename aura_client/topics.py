"""The events of a topic as they come."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import orjson

from aura_client.errors import AuraError, Damaged
from streaming.protocol.codes import Action

# With so many events not taken yet the server is asked to pause, and to go on when they have become so few.
HIGH, LOW = 512, 128


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `position` is the place behind it: `subscribe(topic, after=event.position)` brings the next one."""

    topic: str
    epoch: int
    offset: int
    sender: str
    kind: str
    at: datetime
    data: Any

    @property
    def position(self) -> str:
        return f"{self.epoch}:{self.offset + 1}"


def parse_position(text: str) -> tuple[int, int]:
    """Return epoch and offset of a position. Raises ValueError."""
    epoch, _, offset = text.partition(":")
    if not (epoch.isdecimal() and offset.isdecimal() and int(epoch)):
        raise ValueError(f"{text!r} is not a position of a topic")
    return int(epoch), int(offset)


class Subscription:
    """The events of one topic: `async for event in subscription`, for one reader.

    Iterating ends when the subscription is closed, and raises what ended it otherwise (`AuraError`). No event is handed out
    twice. Events that are not taken wait, but never many: the server is asked to pause. `position` is the place behind the
    last event that was handed out; before there was one, where the subscription began, and empty until the server has said
    where that is.
    """

    def __init__(
        self, topic: str, position: str, control: Callable[[Action], None], acknowledge: Callable[[int], None]
    ) -> None:
        self.topic = topic
        self.position = position
        self._control = control
        self._acknowledge = acknowledge
        self._events: deque[Event] = deque()
        self._changed = asyncio.Event()
        self._epoch = 0
        self._next = 0
        self._acknowledged = 0
        self._paused = False
        self.cancelled = False
        self._over = False
        self._error: AuraError | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while not self._events:
            if self._error is not None:
                raise self._error
            if self._over:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        event = self._events.popleft()
        self.position = event.position
        if self._paused and not self._over and len(self._events) <= LOW:
            self._paused = False
            self._control(Action.RESUME)
        return event

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def ready(self) -> None:
        """Return when the server has begun to send: what is published from now on comes. Raises AuraError."""
        while not self._epoch and not self._over:
            self._changed.clear()
            await self._changed.wait()
        if self._error is not None:
            raise self._error

    def acknowledge(self, event: Event) -> None:
        """Say that this event and those before it have been dealt with: with at least once they do not come again."""
        self._acknowledged = max(self._acknowledged, event.offset + 1)
        self._acknowledge(self._acknowledged)

    def close(self) -> None:
        """End the subscription. Events that have come can still be taken."""
        self._cancel(None)

    # -- for the client ----------------------------------------------------------------------------------------

    def opened(self, epoch: int, offset: int) -> None:
        """Note where the server begins, on this connection."""
        if epoch != self._epoch:
            self._epoch, self._next, self._acknowledged = epoch, offset, 0
            self.position = self.position or f"{epoch}:{offset}"
        # A new connection knows nothing of a pause.
        self._paused = False
        self._hold()
        self._changed.set()

    def add(self, offset: int, text: str) -> None:
        """Add an event."""
        if offset < self._next and offset + 1 == self._acknowledged:
            # It comes again: the line broke before the server heard of it.
            self._acknowledge(self._acknowledged)
        if offset < self._next or self._over:
            return
        self._next = offset + 1
        try:
            found = orjson.loads(text)
            at = datetime.fromtimestamp(found["at"] / 1000, UTC)
            event = Event(self.topic, self._epoch, offset, found["from"], found["kind"], at, found["data"])
        except (ValueError, KeyError, TypeError) as error:
            self._cancel(Damaged(f"an event that makes no sense: {error}"))
            return
        self._events.append(event)
        self._hold()
        self._changed.set()

    def finish(self, error: AuraError | None) -> None:
        """End it; only the first end counts."""
        if not self._over:
            self._over, self._error = True, error
        self._changed.set()

    def _cancel(self, error: AuraError | None) -> None:
        if not self._over:
            self.cancelled = True
            self._control(Action.CANCEL)
            self.finish(error)

    def _hold(self) -> None:
        if not self._paused and not self._over and len(self._events) >= HIGH:
            self._paused = True
            self._control(Action.PAUSE)
