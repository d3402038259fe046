"""Feeds: ordered events with offsets, kept within a window, that any number of readers take at their own pace."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from streaming.errors import ResumeImpossible
from streaming.flow.events import StreamEvent
from streaming.flow.log import OutsideWindow, StreamLog

# Nothing fills a feed further while a reader has this many bytes still to take.
READ_AHEAD = 65_536
LOST = "that part of the answer is no longer kept: load the conversation anew"


class Feed:
    """Events from `start` on; who writes them calls `publish`.

    `held` says how far the slowest reader is behind; `behind_limit` waits until nobody is too far behind.
    """

    def __init__(self, window: int, epoch: int = 1, start: int = 0) -> None:
        self.epoch = epoch
        self._log = StreamLog(window, start)
        self._changed = asyncio.Event()
        self._moved = asyncio.Event()
        self._readers: dict[object, int] = {}
        self._parted = False

    @property
    def ended(self) -> bool:
        return self._log.ended

    @property
    def next_offset(self) -> int:
        return self._log.next

    @property
    def size(self) -> int:
        """Return the bytes of text kept in memory."""
        return self._log.size

    @property
    def events_kept(self) -> int:
        """Return how many events are kept in memory."""
        return self._log.next - self._log.first

    @property
    def slowest(self) -> int:
        """Return the lowest offset that a reader still has to take; the next one when there is none behind."""
        return min(self._readers.values(), default=self._log.next)

    def publish(self, events: Sequence[StreamEvent]) -> None:
        """Let the readers see events; their offsets follow on."""
        for event in events:
            self._log.append(event)
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        if not self._parted:
            self._changed.clear()  # who waits from now on waits for what comes next

    def part(self) -> None:
        """Let the readers go without an end: what comes, comes elsewhere."""
        self._parted = True
        self._changed.set()
        self._moved.set()

    async def keep_pace(self) -> None:
        """Return when no reader is more than READ_AHEAD bytes behind."""
        while self._readers and not self._parted and self._log.backlog(self.slowest) > READ_AHEAD:
            self._moved.clear()
            await self._moved.wait()

    def check(self, offset: int, epoch: int) -> None:
        """Raise ResumeImpossible unless reading from there is possible."""
        if (epoch or self.epoch) != self.epoch or offset > self._log.next:
            raise ResumeImpossible(LOST)

    async def read(self, offset: int = 0, epoch: int = 0) -> AsyncGenerator[StreamEvent]:
        """Yield the events from `offset` on, up to the end if there is one. Raises ResumeImpossible.

        While the caller works on an event, the writer runs ahead by READ_AHEAD bytes at most.
        """
        self.check(offset, epoch)
        reader = object()
        self._join(reader, offset)
        try:
            while True:
                self._move(reader, offset)
                if offset == self._log.next:
                    if self._log.ended or self._parted:
                        return
                    await self._changed.wait()
                    continue
                try:
                    yield self._log.get(offset)
                    offset += 1
                except OutsideWindow:
                    for event in await self._older(offset):
                        self._move(reader, offset)
                        yield event
                        offset = event.offset + 1
        finally:
            self._part(reader)

    async def _older(self, offset: int) -> Sequence[StreamEvent]:
        """Return events from `offset` on that memory no longer holds, at least one. Raises ResumeImpossible."""
        raise ResumeImpossible(LOST)

    def _join(self, reader: object, offset: int) -> None:
        self._readers[reader] = offset

    def _move(self, reader: object, offset: int) -> None:
        self._readers[reader] = offset
        self._moved.set()

    def _part(self, reader: object) -> None:
        self._readers.pop(reader, None)
        self._moved.set()
