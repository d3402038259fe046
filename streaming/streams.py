"""Streams: a source writes events, they go on the record, and readers take them at their own pace."""

import asyncio
import logging
import zlib
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Self

from audit.errors import AuditError, Conflict, RecordUnavailable
from audit.journal import Journal
from streaming import recorded
from streaming.errors import ResumeImpossible
from streaming.feed import READ_AHEAD, Feed
from streaming.flow.events import StreamChunk, StreamDone, StreamEnd, StreamEvent, StreamFault
from streaming.flow.segment import Segmenter
from streaming.messages import Message
from streaming.protocol.codes import FaultCode, Finish
from streaming.replay.base import Replay, Writer
from streaming.replay.local import LocalReplay

__all__ = ["READ_AHEAD", "Stream", "StreamContext"]

log = logging.getLogger(__name__)

UNRECORDED = "The record cannot be written, so the answer had to stop. Please tell the operator."


class Stream(Feed):
    """The answer to a message: an ordered log that one source writes and any number of readers read.

    An event is on the record before any reader sees it. `async for text in stream` yields the text from the beginning;
    `read` yields events from an offset. The source runs in one process; in others the same stream is *mirrored*: fed from
    the replay store, with this process's readers reported to the one that writes.
    """

    def __init__(
        self,
        message: Message,
        journal: Journal,
        *,
        window: int,
        grace: float,
        replay: Replay | None = None,
        start: int = 0,
        epoch: int = 1,
    ) -> None:
        super().__init__(window, epoch, start)
        self.message = message
        self.name = message.stream
        self.owner_id = message.user_id
        self.conversation = message.conversation
        self.check_sum = 0
        self.text_tail = ""
        self.source: asyncio.Task[None] | None = None
        # Which model is asked, once there is money for it; with the first event, which one answers. Its writer knows.
        self.model = ""
        # Puts the question on the record, once: done when it is there. None when it was before the stream was made.
        self.asked: Callable[[], asyncio.Future[list[int]]] | None = None
        # Who writes when no source here does.
        self.writer: Writer | None = None
        self.stop_reason: StreamFault | None = None
        self.handed_over = False
        # False once readers were told of an end that the record does not have: whoever asks again goes on from the record.
        self.end_is_recorded = True
        # Tools that the model wants called, and the offset from which the text only says so for the record.
        self.tool_calls: Sequence[Mapping[str, Any]] = ()
        self.tools_from: int | None = None
        # The offset from which the text is the model's refusal to answer.
        self.refused_from: int | None = None
        # What the model will probably say behind the newest chunk; never on the record.
        self._tentative = ""
        self._journal = journal
        self._grace = grace
        self._replay = replay or LocalReplay()
        self._abandonment: asyncio.TimerHandle | None = None

    @property
    def watched(self) -> bool:
        """Return whether anybody reads, here or elsewhere."""
        return bool(self._readers)

    @property
    def owned(self) -> bool:
        """Return whether its source runs in this process."""
        return self.source is not None

    # -- the source's side -------------------------------------------------------------------------------------

    def choose(self, model: str) -> None:
        """Say which model is asked."""
        self.model = model
        self._wake()

    async def append(self, texts: Sequence[str], tentative: str = "") -> None:
        """Add chunks, one a text, and return when they are on the record and no reader is too far behind.

        `tentative` is what will probably follow: readers of this process may show it as such until the next event.
        Raises audit's errors: Conflict when another process has taken the stream over.
        """
        events = [StreamChunk(self.next_offset + number, text) for number, text in enumerate(texts)]
        await self._write(events, tentative)
        await self.keep_pace()

    async def end(self, event: StreamEnd) -> None:
        """Add the last event. When it cannot be put on the record the readers are told so, and no more."""
        try:
            await self._write([event])
        except Conflict:
            raise
        except AuditError:
            log.critical("the end of stream %s is not on the record", self.name, exc_info=True)
            self.break_off()

    def break_off(self) -> None:
        """Tell the readers that it ends here, but not the record: who asks for the stream again gets the rest."""
        self.end_is_recorded = False
        self.publish([StreamFault(self.next_offset, FaultCode.INTERNAL, UNRECORDED)])

    async def _write(self, events: Sequence[StreamEvent], tentative: str = "") -> None:
        if self.asked is not None:
            # An answer stands behind its question, and never without it.
            await asyncio.shield(self.asked())
        if not self._replay.process:
            await self._keep(events, tentative)
            return
        work = asyncio.ensure_future(self._share(events, tentative))
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            # What has begun ends: the log must not fall behind the record.
            await asyncio.wait([work])
            raise

    async def _keep(self, events: Sequence[StreamEvent], tentative: str) -> None:
        entries = [recorded.to_record(self.message, self.epoch, event) for event in events]
        # A source that is cancelled meanwhile has written all the same, and it is shown. Nobody waits for what follows the
        # first words as for those.
        await self._journal.keep(entries, partial(self._show, events, tentative), patient=events[0].offset > 0)

    def _show(self, events: Sequence[StreamEvent], tentative: str) -> None:
        """Let readers see what is on the record."""
        for event in events:
            if isinstance(event, StreamChunk):
                self.check_sum = zlib.crc32(event.text.encode(), self.check_sum)
        # In the same instant as the events: it stands behind these, and no others.
        self._tentative = tentative
        self.publish(events)

    async def _share(self, events: Sequence[StreamEvent], tentative: str) -> None:
        """Let readers in other processes see it too. The record has it already, so a store that fails loses nothing."""
        await self._keep(events, tentative)
        await self._replay.append(self.name, self.epoch, events)

    def resume_from(self, events: Sequence[StreamEvent]) -> str:
        """Take up a stream whose writer is gone: `events` are all that stands on the record. Return the text so far."""
        text = "".join(event.text for event in events if isinstance(event, StreamChunk))
        self.check_sum = zlib.crc32(text.encode())
        missing = [event for event in events if event.offset >= self.next_offset]
        if missing:
            self.publish(missing)
        self.text_tail = text
        return text

    # -- the readers' side -------------------------------------------------------------------------------------

    def _join(self, reader: object, offset: int) -> None:
        super()._join(reader, offset)
        self._stay()

    def report(self, reader: object, offset: int) -> None:
        """Count in a reader of another process, or move it on; `leave` counts it out."""
        if reader not in self._readers:
            self._join(reader, offset)
        self._move(reader, offset)

    def leave(self, reader: object) -> None:
        """Count a reader of another process out."""
        self._part(reader)

    async def _older(self, offset: int) -> Sequence[StreamEvent]:
        """Return the events from `offset` on that memory no longer holds; the record has them."""
        older = [event for event in await self.on_record(offset) if event.offset < self._log.first]
        if not older:
            raise ResumeImpossible("that part of the answer cannot be found on the record")
        return older

    async def on_record(self, offset: int) -> Sequence[StreamEvent]:
        """Return the events from `offset` on that stand on the record."""
        kept = await recorded.load(self.message.user_id, self.name)
        return kept.events[offset:] if kept is not None else []

    @property
    def failure(self) -> StreamFault | None:
        """Return the fault that it ended with."""
        last = self._log.get(self.next_offset - 1) if self.ended else None
        return last if isinstance(last, StreamFault) else None

    async def refusal(self) -> StreamFault | None:
        """Return why there is no answer: the fault in its place. Waits until a model is asked, or none will be."""
        while self.owned and not (self.model or self.next_offset or self._parted):
            await self._changed.wait()
        return self.failure if self.next_offset == 1 else None

    async def __aiter__(self) -> AsyncGenerator[str]:
        async for event in self.read():
            if isinstance(event, StreamChunk):
                yield event.text

    def tentative_behind(self, offset: int) -> str:
        """Return what will probably follow the event with that offset; nothing but behind the newest one."""
        return self._tentative if offset == self.next_offset - 1 else ""

    # -- leaving and stopping ----------------------------------------------------------------------------------

    def release(self, *, leaving: bool) -> None:
        """Say that a reader has gone: for good (`leaving`), or because its line broke and it may come back.

        With no other reader the stream is cancelled, at once or after the grace period.
        """
        if self._readers or self.ended:
            return
        self._stay()
        if self.source is None and self.writer is not None:
            self.writer.leave(leaving=leaving)
        elif leaving:
            self.cancel()
        else:
            self._abandonment = asyncio.get_running_loop().call_later(self._grace, self.cancel)

    def _stay(self) -> None:
        if self._abandonment is not None:
            self._abandonment.cancel()
            self._abandonment = None

    def cancel(self) -> None:
        """End the source, wherever it runs; the stream ends as cancelled."""
        if self.ended:
            return
        if self.source is not None:
            # Once: a second time it would break off the source's own end, and leave a fault on the record.
            if not self.source.cancelling():
                self.source.cancel()
        elif self.writer is not None:
            self.writer.cancel()

    def interrupt(self, message: str) -> None:
        """End the source because the server stops; the stream ends with a fault that invites to ask again."""
        self.stop_reason = StreamFault(0, FaultCode.INTERRUPTED, message)
        self.cancel()

    def hand_over(self) -> None:
        """End the source because the server stops, but not the stream: whoever is asked for it next goes on with it."""
        self.handed_over = True
        if self.source is not None:
            self.source.cancel()
        self.part()


class StreamContext:
    """A source's hold on a stream: `async with StreamContext(stream) as context`, then `emit_chunk`.

    Whatever way the block is left, the stream ends: by `finish` or `done=True`; else as cancelled when the task was
    cancelled, and with the fault `internal` for any other exception that leaves the block. There are three exceptions: when
    the stream was handed over, and after Conflict (audit's), another process writes it, and its end is not this source's
    to give; after RecordUnavailable it is broken off, however soon the record can be written again.
    """

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self._segmenter = Segmenter(stream.text_tail)

    async def __aenter__(self) -> Self:
        return self

    async def emit_chunk(
        self,
        parent: Message,
        text: str,
        *,
        meta: Mapping[str, Any] | None = None,
        done: bool = False,
        tentative: str = "",
    ) -> int:
        """Add text to the answer to `parent` and return the offset that comes next.

        The text is cut at the ends of sentences, each piece a chunk with an offset of its own. `meta` describes the
        end (see `StreamDone`) and counts only with `done`; `tentative` is what will probably follow. Raises ValueError for
        the message of another stream.
        """
        if parent.stream != self.stream.name:
            raise ValueError("the parent message belongs to another stream")
        self._segmenter.feed(text)
        texts = self._segmenter.take()
        if texts:
            await self.stream.append(texts, tentative)
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
        if self.stream.handed_over or isinstance(error, Conflict):
            return False
        if self.stream.ended:
            if isinstance(error, Exception):
                log.error("stream %s has its end, but not all that follows was done", self.stream.name, exc_info=error)
            return isinstance(error, Exception)
        reason = self.stream.stop_reason
        if kind is not None and issubclass(kind, asyncio.CancelledError):
            if reason is None:
                await self.finish(Finish.CANCELLED)
            else:
                await self.fail(reason.code, reason.message)
            return False
        if isinstance(error, RecordUnavailable):
            log.error("stream %s is broken off: %s", self.stream.name, error)
            self.stream.break_off()
            return True
        if error is not None:
            log.error("the source of stream %s broke", self.stream.name, exc_info=error)
        await self.fail(FaultCode.INTERNAL, "AURA failed while it answered. Please ask again.")
        return isinstance(error, Exception)
