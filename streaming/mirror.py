"""Mirrors: a feed that another process writes, fed here from the replay store, and taken over when that process dies."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

from streaming.flow.events import StreamEvent
from streaming.replay.base import Replay, Writer

log = logging.getLogger(__name__)

# A mirror that nobody reads ends after this many seconds.
UNREAD = 10.0
# Seconds between two looks at whether the writer still lives, and between two reports of how far the readers are.
LOOK = 1.0
REPORT = 0.25


class Mirrored(Protocol):
    """What a mirror feeds: a stream or a topic."""

    name: UUID
    owner_id: int  # the user it belongs to, 0 for a topic
    writer: Writer | None

    @property
    def ended(self) -> bool: ...

    @property
    def watched(self) -> bool: ...

    @property
    def owned(self) -> bool:
        """Return whether this process writes it."""
        ...

    @property
    def next_offset(self) -> int: ...

    @property
    def slowest(self) -> int: ...

    def publish(self, events: Sequence[StreamEvent]) -> None: ...

    def part(self) -> None: ...

    async def on_record(self, offset: int) -> Sequence[StreamEvent]:
        """Return the events from `offset` on that stand on the record."""
        ...


Followed = TypeVar("Followed", bound=Mirrored)


class Mirror(Generic[Followed]):
    """Feeds `stream` until it ends, nobody reads it any more, or it becomes this process's own.

    `take_over` is called when nobody writes it; it returns True when this process does from now on. `forget` is called
    last, unless it does.
    """

    def __init__(
        self,
        stream: Followed,
        replay: Replay,
        take_over: Callable[[Followed], Awaitable[bool]],
        forget: Callable[[Followed], None],
    ) -> None:
        self._stream = stream
        self._replay = replay
        self._take_over = take_over
        self._forget = forget
        self._reported = -1
        self._report_due = 0.0
        self.owner = ""
        self._unwanted = False  # a cancel that came before the owner was known
        stream.writer = self
        self.task = asyncio.create_task(self._run())

    def cancel(self) -> None:
        """See `Writer`."""
        self._unwanted = not self.owner
        self.tell("cancel")

    def leave(self, *, leaving: bool) -> None:
        """See `Writer`."""
        self.tell("leave", leaving=leaving)
        self.task.cancel()

    def tell(self, what: str, **more: Any) -> None:
        """Send a message to the process that writes; it may get lost."""
        stream = self._stream
        message = {
            "do": what,
            "user": stream.owner_id,
            "stream": stream.name.hex,
            "reader": self._replay.process,
            **more,
        }
        if self.owner:
            _background(self._replay.tell(self.owner, message))

    async def _run(self) -> None:
        stream = self._stream
        try:
            async with self._replay.tail(stream.name) as tail:
                await self._catch_up()
                looked = 0.0
                read = time.monotonic()
                while not stream.ended:
                    now = time.monotonic()
                    read = now if stream.watched else read
                    if now - read > UNREAD:
                        return
                    if now - looked >= LOOK:
                        looked = now
                        owner = await self._replay.owner(stream.name)
                        if owner is None and await self._orphaned():
                            return
                        self.owner = owner or ""
                        if self.owner and self._unwanted:
                            self.cancel()
                    self._report(now)
                    if not self._publish(await tail.take(REPORT if stream.watched else LOOK)):
                        await self._catch_up()
        except Exception:
            log.exception("stream %s cannot be followed any more", stream.name)
            stream.part()
        finally:
            if not stream.owned:
                self._forget(stream)

    async def _orphaned(self) -> bool:
        """Go on with a stream that has lost its writer; return True when there is nothing left to mirror."""
        await self._catch_up()
        return self._stream.ended or await self._take_over(self._stream)

    def _publish(self, events: Sequence[StreamEvent]) -> bool:
        """Publish what is new of `events`; return False when something is missing before them."""
        new = [event for event in events if event.offset >= self._stream.next_offset]
        if new and new[0].offset > self._stream.next_offset:
            return False
        if new:
            self._stream.publish(new)
        return True

    async def _catch_up(self) -> None:
        """Publish what the store has, and what it has not from the record."""
        stream = self._stream
        if not self._publish(await self._replay.events(stream.name, stream.next_offset)):
            self._publish(await stream.on_record(stream.next_offset))

    def _report(self, now: float) -> None:
        """Tell the writer how far the readers here are, so that it waits for the slowest of them."""
        offset = self._stream.slowest
        if self._stream.watched and (offset != self._reported or now >= self._report_due):
            self._reported, self._report_due = offset, now + 8 * REPORT
            self.tell("report", offset=offset)


_tasks: set[asyncio.Task[None]] = set()


def _background(work: Awaitable[None]) -> None:
    task = asyncio.ensure_future(work)
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
