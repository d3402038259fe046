"""Channels: what a session sends. Events of streams become frames, in the order that the protocol says, as far as the line
takes them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any
from uuid import UUID

from compression.codec.payload import CompressionMethod, Encoded
from streaming import coding, delivery
from streaming.errors import StreamingError
from streaming.load import load
from streaming.messages import Message
from streaming.protocol import frames
from streaming.protocol.codec import SessionCodec, encode_raw
from streaming.protocol.codes import FaultCode, Priority
from streaming.protocol.errors import FaultError
from streaming.protocol.frames import Frame
from streaming.protocol.pieces import PieceWriter
from streaming.protocol.session import Group, ServerSession
from streaming.recorded import RecordedStream
from streaming.streams import Stream
from streaming.subscriptions import Subscription
from streaming.tally import Tally

log = logging.getLogger(__name__)

Transmit = Callable[[list[Frame]], Awaitable[int]]


class Reader:
    """One channel of a session: what it reads, the task that reads it, what went over the wire."""

    def __init__(self, stream: Stream | RecordedStream | Subscription, message: Message) -> None:
        self.stream = stream
        self.message = message
        self.task: asyncio.Task[None] | None = None
        self.room = asyncio.Event()
        self.tally = Tally()
        self.pieces: PieceWriter | None = None


class Channels:
    """The channels of one session. `transmit` puts frames on the line, waits while it is full, and returns the bytes; it is
    never called twice at a time."""

    def __init__(
        self, user: Any, name: bytes, protocol: ServerSession, codec: SessionCodec, transmit: Transmit
    ) -> None:
        self.tally = Tally()
        self._user_id = user.pk
        self._name = name
        self._protocol = protocol
        self._codec = codec
        self._transmit = transmit
        self._readers: dict[int, Reader] = {}
        self._writer: asyncio.Task[None] | None = None
        self._again = False
        self._left = False
        # Set whenever frames have gone out.
        self._moved = asyncio.Event()

    def __len__(self) -> int:
        return len(self._readers)

    def subscription(self, channel: int) -> Subscription | None:
        """Return what the channel is subscribed to, if it is."""
        reader = self._readers.get(channel)
        return reader.stream if reader is not None and isinstance(reader.stream, Subscription) else None

    def open(
        self,
        channel: int,
        stream: Stream | RecordedStream | Subscription,
        message: Message,
        offset: int,
        topic: str = "",
        priority: Priority = Priority.NORMAL,
    ) -> None:
        """Begin to send a stream from `offset` on; what the channel was before is given up."""
        before = self._readers.pop(channel, None)
        if before is not None:
            self._account(before)
            self._dismiss(before)
            if isinstance(before.stream, Subscription):
                before.stream.release(leaving=True)
        conversation = b"" if topic else stream.conversation.bytes
        model = self._codec.models.get(self._codec.active)
        index = self._protocol.open(
            channel,
            stream.name.bytes,
            stream.epoch,
            offset,
            conversation,
            topic=topic,
            priority=priority,
            index=self._codec.active if model is not None else 0,
        )
        reader = self._readers[channel] = Reader(stream, message)
        if index and model is not None:
            reader.pieces = PieceWriter(model, stream.name.bytes, stream.epoch, offset)
        reader.task = asyncio.create_task(self._read(channel, reader, offset))

    async def _read(self, channel: int, reader: Reader, offset: int) -> None:
        """Feed the protocol from the stream while it wants more; what is not fed holds the stream back."""
        try:
            async with aclosing(reader.stream.read(offset)) as events:
                async for event in events:
                    while not self._protocol.wants(channel):
                        reader.room.clear()
                        await reader.room.wait()
                    self._protocol.feed(channel, event, _draft(reader.stream, event.offset))
                    if _newest(reader.stream, event.offset):
                        await self._flush(reader)
                    else:
                        self.wake()
                    if self._readers.get(channel) is not reader:
                        return
        except Exception as error:
            fault = _read_fault(error, channel, reader.stream.name)
            self._protocol.close(channel)
            self.finish(channel)
            # Who is told that it broke may come back; if nobody does, the model must not go on for nobody.
            reader.stream.release(leaving=False)
            self._protocol.fault(fault)
            self.wake()

    def wake(self) -> None:
        """Have what waits sent. The task that sends lives only while there is something: idle sessions stay small."""
        for reader in self._readers.values():
            reader.room.set()
        self._again = True
        if self._writer is None and not self._left:
            self._writer = asyncio.create_task(self._write())

    async def _flush(self, reader: Reader) -> None:
        """Do as `wake`, but in the task at hand, the reader's, where nobody else sends or is read: in a busy process each
        task that a word is handed to waits behind everybody else's."""
        if self._writer is not None or self._left or len(self._readers) > 1:
            self.wake()
            return
        self._again = True
        self._writer = reader.task
        await self._write(reader)
        if self._again:
            self.wake()

    async def _write(self, own: Reader | None = None) -> None:
        """Send until nothing waits; in the task of a reader of its `own` until another one is read, beside it or in its
        place, which this task must not be kept by: it holds on to its stream."""
        try:
            while self._again:
                self._again = False
                if self._protocol.waiting:
                    await self._send(self._protocol.control_frames())
                for item in self._protocol.groups():
                    # A channel that was opened while the line was full: its OPEN goes before its first chunk.
                    if self._protocol.waiting:
                        await self._send(self._protocol.control_frames())
                    if isinstance(item, Group):
                        await self._send_group(item)
                    else:
                        reader = self._readers.get(item.channel)
                        await self._send([item])
                        # While the end went out, a RESUME may have opened the channel anew.
                        if self._readers.get(item.channel) is reader:
                            self.finish(item.channel)
                    if own is not None and any(reader is not own for reader in self._readers.values()):
                        self._again = True
                        return
                for reader in self._readers.values():
                    reader.room.set()
        except OSError:
            log.debug("session %s: the line is gone", self._name.hex())
        except Exception:
            # Not the stream's fault whose reader sends: it is read on, and let go of when the client leaves. A line that is
            # being closed is no OSError under every server.
            log.exception("session %s: what waits cannot be sent", self._name.hex())
        finally:
            self._writer = None

    async def _send(self, out: list[Frame]) -> int:
        size = await self._transmit(out)
        self._moved.set()
        self.tally.frames += len(out)
        self.tally.frame_bytes += size
        wait = load.debt(self._user_id, size)
        if wait:
            await asyncio.sleep(wait)
        return size

    async def _send_group(self, group: Group) -> None:
        if group.tentative:
            return await self._send_tentative(group)
        reader = self._readers.get(group.channel)
        text = group.text.encode()
        pieces = reader.pieces if reader is not None else None
        piece = pieces.put(group.text) if pieces and group.piece and len(text) <= coding.MODEL_INLINE_LIMIT else None
        if piece is not None:
            size = await self._send([frames.Piece(group.channel, piece)])
            self._count(group, reader, size, CompressionMethod.MODEL, len(text), len(piece))
            return
        if pieces is not None:
            pieces.note(group.text, group.count)
        encoded = await self._encode(group, reader)
        check = frames.chunk_check(group.stream, group.epoch, group.offset, group.count, text)
        frame: Frame = (
            frames.Event(group.channel, group.passed, check, encoded.data)
            if group.topic
            else frames.Chunk(group.channel, check, encoded.data, group.count)
        )
        size = await self._send([frame])
        self._count(group, reader, size, encoded.method, len(text), len(encoded.data))

    async def _send_tentative(self, group: Group) -> None:
        encoded = await coding.encode(self._codec, group.text) if group.text else encode_raw("")
        check = frames.chunk_check(group.stream, group.epoch, group.offset, 0, group.text.encode())
        size = await self._send([frames.Tentative(group.channel, check, encoded.data)])
        self._protocol.spend(group.channel, size)
        # It costs bytes and says nothing: only the first is counted.
        self.tally.wire_bytes += len(encoded.data)
        reader = self._readers.get(group.channel)
        if reader is not None:
            reader.tally.wire_bytes += len(encoded.data)

    def _count(
        self, group: Group, reader: Reader | None, size: int, method: CompressionMethod, text: int, payload: int
    ) -> None:
        """Count a frame of `size` bytes, whose payload has so many and stands for that many of text."""
        self._protocol.spend(group.channel, size)
        self.tally.add(method, text, payload)
        if reader is not None:
            reader.tally.add(method, text, payload)

    async def _encode(self, group: Group, reader: Reader | None) -> Encoded:
        if group.raw:
            return encode_raw(group.text)
        if reader is not None and isinstance(reader.stream, Subscription):
            return await reader.stream.topic.coded(group.offset, group.text, self._codec)
        return await coding.encode(self._codec, group.text)

    # -- the end -----------------------------------------------------------------------------------------------

    def finish(self, channel: int) -> None:
        """Account for a stream that this session has sent to its end."""
        reader = self._readers.pop(channel, None)
        if reader is not None:
            self._account(reader)
            if isinstance(reader.stream, Subscription):
                self._dismiss(reader)
                reader.stream.release(leaving=True)

    def _dismiss(self, reader: Reader) -> None:
        """End the task of a reader whose channel is another's or nobody's; one that sends ends when it has sent."""
        if reader.task is not None and reader.task is not self._writer:
            reader.task.cancel()

    def _account(self, reader: Reader) -> None:
        """Put on the record what went over the wire."""
        delivery.account(reader.message, self._name.hex(), reader.tally)

    async def room(self, limit: int) -> None:
        """Return when fewer than `limit` frames wait for the line. Raises OSError when it is gone."""
        while self._protocol.waiting >= limit:
            if self._left:
                raise ConnectionError("the line is gone")
            self._moved.clear()
            await self._moved.wait()

    async def leave(self, *, leaving: bool) -> None:
        """Send nothing more: `leaving` when the client said goodbye, not when its line broke."""
        self._left = True
        self._moved.set()
        readers, self._readers = self._readers, {}
        tasks = [reader.task for reader in readers.values() if reader.task is not None]
        if self._writer is not None:
            tasks.append(self._writer)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for reader in readers.values():
            reader.stream.release(leaving=leaving)
            self._account(reader)


def _newest(stream: Stream | RecordedStream | Subscription, offset: int) -> bool:
    """Return whether nothing stands behind the event with that offset yet; what does goes into one frame with it."""
    return isinstance(stream, Stream) and offset == stream.next_offset - 1


def _draft(stream: Stream | RecordedStream | Subscription, offset: int) -> str:
    """Return what will probably follow the event with that offset."""
    return stream.tentative_behind(offset) if isinstance(stream, Stream) else ""


def _read_fault(error: Exception, channel: int, name: UUID) -> FaultError:
    """Return the FAULT that ends a channel whose stream could not be read on."""
    if isinstance(error, StreamingError):
        return FaultError(error.code, str(error), channel)
    log.error("stream %s could not be read", name, exc_info=error)
    return FaultError(FaultCode.INTERNAL, "AURA could not read this answer. Try again.", channel)
