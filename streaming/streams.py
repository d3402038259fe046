"""Streams: a source writes events, they go on the record, and readers take them at their own pace."""

import asyncio
import logging
import zlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from audit.errors import AuditError
from audit.journal import Journal
from streaming import recorded
from streaming.errors import ResumeImpossible
from streaming.flow.events import StreamChunk, StreamDone, StreamEnd, StreamEvent, StreamFault
from streaming.flow.log import OutsideWindow, StreamLog
from streaming.flow.segment import Segmenter
from streaming.messages import Message
from streaming.protocol.codes import FaultCode, Finish

log = logging.getLogger(__name__)

# A source stops for a reader that has this many bytes still to take.
READ_AHEAD = 65_536
UNRECORDED = "The record cannot be written, so the answer had to stop. Please tell the operator."


class Stream:
    """The answer to a message: an ordered log that one source writes and any number of readers read.

    An event is on the record before any reader sees it. `async for text in stream` yields the text from the beginning;
    `read` yields events from an offset.
    """

    def __init__(self, message: Message, journal: Journal, *, window: int, grace: float) -> None:
        self.message = message
        self.name = message.stream
        self.conversation = message.conversation
        self.epoch = 1
        self.check_sum = 0
        self.source: asyncio.Task[None] | None = None
        self.stop_reason: StreamFault | None = None
        self._journal = journal
        self._grace = grace
        self._log = StreamLog(window)
        self._changed = asyncio.Event()
        self._moved = asyncio.Event()
        self._readers: dict[object, int] = {}
        self._abandonment: asyncio.TimerHandle | None = None

    @property
    def ended(self) -> bool:
        return self._log.ended

    @property
    def next_offset(self) -> int:
        return self._log.next

    # -- the source's side -------------------------------------------------------------------------------------

    async def append(self, texts: Sequence[str]) -> None:
        """Add chunks, one a text, and return when they are on the record and no reader is too far behind."""
        events = [StreamChunk(self._log.next + number, text) for number, text in enumerate(texts)]
        await self._write(events)
        for text in texts:
            self.check_sum = zlib.crc32(text.encode(), self.check_sum)
        while self._readers and self._log.backlog(min(self._readers.values())) > READ_AHEAD:
            self._moved.clear()
            await self._moved.wait()

    async def end(self, event: StreamEnd) -> None:
        """Add the last event. When it cannot be put on the record the readers are told so, and no more."""
        try:
            await self._write([event])
        except AuditError:
            log.critical("the end of stream %s is not on the record", self.name, exc_info=True)
            self._publish([StreamFault(event.offset, FaultCode.INTERNAL, UNRECORDED)])

    async def _write(self, events: Sequence[StreamEvent]) -> None:
        commit = asyncio.ensure_future(self._commit(events))
        try:
            await asyncio.shield(commit)
        except asyncio.CancelledError:
            # What has begun ends: the log must not fall behind the record.
            await asyncio.wait([commit])
            raise

    async def _commit(self, events: Sequence[StreamEvent]) -> None:
        await self._journal.append([recorded.to_record(self.message, self.epoch, event) for event in events])
        self._publish(events)

    def _publish(self, events: Sequence[StreamEvent]) -> None:
        for event in events:
            self._log.append(event)
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    # -- the readers' side -------------------------------------------------------------------------------------

    def check(self, offset: int, epoch: int) -> None:
        """Raise ResumeImpossible unless reading from there is possible."""
        if (epoch or self.epoch) != self.epoch or offset > self._log.next:
            raise ResumeImpossible("that part of the answer is no longer kept: load the conversation anew")

    async def read(self, offset: int = 0, epoch: int = 0) -> AsyncGenerator[StreamEvent]:
        """Yield the events from `offset` on, the last one being the end. Raises ResumeImpossible.

        While the caller works on an event, the source runs ahead by READ_AHEAD bytes at most.
        """
        self.check(offset, epoch)
        reader = object()
        self._readers[reader] = offset
        self._stay()
        try:
            while True:
                self._readers[reader] = offset
                self._moved.set()
                if offset == self._log.next:
                    if self._log.ended:
                        return
                    await self._changed.wait()
                    continue
                try:
                    yield self._log.get(offset)
                    offset += 1
                except OutsideWindow:
                    for event in await self._older(offset):
                        self._readers[reader] = offset
                        yield event
                        offset += 1
        finally:
            del self._readers[reader]
            self._moved.set()

    async def _older(self, offset: int) -> list[StreamEvent]:
        """Return the events from `offset` on that memory no longer holds; the record has them."""
        kept = await recorded.load(self.message.user_id, self.name)
        found = [event async for event in kept.read(offset)] if kept is not None else []
        older = [event for event in found if event.offset < self._log.first]
        if not older:
            raise ResumeImpossible("that part of the answer cannot be found on the record")
        return older

    async def __aiter__(self) -> AsyncGenerator[str]:
        async for event in self.read():
            if isinstance(event, StreamChunk):
                yield event.text

    # -- leaving and stopping ----------------------------------------------------------------------------------

    def release(self, *, leaving: bool) -> None:
        """Say that a reader has gone: for good (`leaving`), or because its line broke and it may come back.

        With no other reader the stream is cancelled, at once or after the grace period.
        """
        if self._readers or self.ended:
            return
        self._stay()
        if leaving:
            self.cancel()
        else:
            self._abandonment = asyncio.get_running_loop().call_later(self._grace, self.cancel)

    def _stay(self) -> None:
        if self._abandonment is not None:
            self._abandonment.cancel()
            self._abandonment = None

    def cancel(self) -> None:
        """End the source; the stream ends as cancelled."""
        if self.source is not None and not self.ended:
            self.source.cancel()

    def interrupt(self, message: str) -> None:
        """End the source because the server stops; the stream ends with a fault that invites to ask again."""
        self.stop_reason = StreamFault(0, FaultCode.INTERRUPTED, message)
        self.cancel()


class StreamContext:
    """A source's hold on a stream: `async with StreamContext(stream) as context`, then `emit_chunk`.

    Whatever way the block is left, the stream ends: by `finish` or `done=True`; else as cancelled when the task was
    cancelled, and with the fault `internal` for any other exception that leaves the block.
    """

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self._segmenter = Segmenter()

    async def __aenter__(self) -> Self:
        return self

    async def emit_chunk(
        self, parent: Message, text: str, *, meta: Mapping[str, Any] | None = None, done: bool = False
    ) -> int:
        """Add text to the answer to `parent` and return the offset that comes next.

        The text is cut at the ends of sentences, each piece a chunk with an offset of its own. `meta` describes the
        end (see `StreamDone`) and counts only with `done`. Raises ValueError for the message of another stream.
        """
        if parent.stream != self.stream.name:
            raise ValueError("the parent message belongs to another stream")
        self._segmenter.feed(text)
        texts = self._segmenter.take()
        if texts:
            await self.stream.append(texts)
        if done:
            await self.finish(**(meta or {}))
        return self.stream.next_offset

    async def finish(self, finish: Finish = Finish.STOP, **details: Any) -> None:
        """End the stream well. `details` are fields of StreamDone."""
        stream = self.stream
        await stream.end(StreamDone(stream.next_offset, stream.check_sum, finish, **details))

    async def fail(self, code: FaultCode, message: str, retry_after_ms: int = 0) -> None:
        """End the stream with a fault."""
        await self.stream.end(StreamFault(self.stream.next_offset, code, message, retry_after_ms))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if self.stream.ended:
            return False
        reason = self.stream.stop_reason
        if kind is not None and issubclass(kind, asyncio.CancelledError):
            if reason is None:
                await self.finish(Finish.CANCELLED)
            else:
                await self.fail(reason.code, reason.message)
            return False
        if error is not None:
            log.error("the source of stream %s broke", self.stream.name, exc_info=error)
        await self.fail(FaultCode.INTERNAL, "AURA failed while it answered. Please ask again.")
        return isinstance(error, Exception)
