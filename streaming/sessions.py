"""Sessions: the waiting half of `streaming.protocol.session`, the same for every transport that carries frames."""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager, suppress
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.conf import settings

from audit.errors import AuditError
from audit.journal import journal
from audit.records.event import Kind
from compression import selectors as compression
from compression.codec.errors import CodecError
from compression.codec.library import Library
from compression.codec.payload import CompressionMethod, Encoded
from streaming import chat, coding, recorded
from streaming.errors import StreamingError
from streaming.messages import Message
from streaming.protocol import frames
from streaming.protocol.codec import SessionCodec, encode_raw, text_check
from streaming.protocol.codes import Action, FaultCode, LibraryAction
from streaming.protocol.errors import FaultError
from streaming.protocol.frames import Frame
from streaming.protocol.session import (
    Asked,
    CancelAsked,
    Greeted,
    Group,
    LibraryAcked,
    ResumeAsked,
    ServerSession,
    SessionEvent,
)
from streaming.recorded import RecordedStream
from streaming.registry import registry
from streaming.streams import Stream
from streaming.tally import Tally

log = logging.getLogger(__name__)


class Reader:
    """One channel of a session: the stream it reads, the task that reads it, what went over the wire."""

    def __init__(self, stream: Stream | RecordedStream, message: Message) -> None:
        self.stream = stream
        self.message = message
        self.task: asyncio.Task[None] | None = None
        self.room = asyncio.Event()
        self.tally = Tally()


class Session:
    """One client over one connection.

    The transport calls `receive` with each frame and `leave` at the end; the session calls `transmit` with frames, which
    waits as long as the client's line is full, and never with two at a time.
    """

    def __init__(self, user: Any, transmit: Callable[[list[Frame]], Awaitable[int]], *, plain: bool = False) -> None:
        self.user = user
        self.name = secrets.token_bytes(16)
        # A plain client codes nothing and grants no credit; its transport alone holds the server back.
        self.protocol = ServerSession(self.name, flow=not plain)
        self.codec = SessionCodec(settings.STREAMING_MESSAGE_LIMIT, plain)
        self.tally = Tally()
        self.client = ""
        self._transmit = transmit
        self._readers: dict[int, Reader] = {}
        self._offered: dict[int, Library] = {}
        self._writer: asyncio.Task[None] | None = None
        self._again = False
        self._left = False

    @property
    def channels(self) -> int:
        return len(self._readers)

    # -- from the client ---------------------------------------------------------------------------------------

    async def receive(self, frame: Frame) -> None:
        """Act on a frame of the client. Raises FrameError, after which the transport closes the connection."""
        try:
            for event in self.protocol.receive(frame):
                await self._act(event)
        except FaultError as error:
            self.protocol.fault(error)
        self._wake()

    async def _act(self, event: SessionEvent) -> None:
        match event:
            case Greeted():
                await self._greet(event.hello)
            case Asked():
                await self._ask(event.prompt)
            case ResumeAsked():
                await self._resume(event)
            case CancelAsked():
                stream = registry.get(self.user.pk, UUID(bytes=event.stream))
                if stream is not None:
                    await journal().append([recorded.entry(stream.message, Kind.CONTROL, meta={"action": "cancel"})])
                    stream.cancel()
            case LibraryAcked():
                library = self._offered.pop(event.index, None)
                if library is not None:
                    self.codec.use(event.index, library)

    async def _greet(self, hello: frames.Hello) -> None:
        library = await compression.active_library_async()
        held = bytes.fromhex(library.hash) in hello.library
        self.client = hello.client
        self.protocol.send(
            frames.Welcome(
                version=frames.VERSION,
                session=self.name,
                heartbeat=round(settings.STREAMING_HEARTBEAT_INTERVAL * 1000),
                limit=settings.STREAMING_MESSAGE_LIMIT,
                library=bytes.fromhex(library.hash) if held else b"",
                index=1 if held else 0,
            )
        )
        if held:
            self.codec.use(1, library)
        elif not self.codec.plain:
            self._offered[1] = library
            self.protocol.send(frames.LibraryNotice(0, LibraryAction.OFFER, 1, bytes.fromhex(library.hash)))

    async def _ask(self, prompt: frames.Prompt) -> None:
        text = await self._text_of(prompt)
        message = Message(
            user_id=self.user.pk,
            actor=self.user.get_username(),
            conversation=UUID(bytes=prompt.conversation or secrets.token_bytes(16)),
            stream=UUID(bytes=prompt.stream),
            text=text,
            model=prompt.model,
            meta={
                "method": CompressionMethod(prompt.payload[0] & 7).name.lower(),
                "text_bytes": len(text.encode()),
                "wire_bytes": len(prompt.payload),
            },
        )
        with _as_faults(prompt.channel):
            stream = await chat.ask(message, self.user)
        # A prompt that was sent before belongs to the conversation that it was sent to then.
        self._open(prompt.channel, stream, replace(message, conversation=stream.conversation), 0)

    async def _text_of(self, prompt: frames.Prompt) -> str:
        """Return the text of a prompt. Raises FaultError when it is damaged, too large or not there."""
        if not prompt.payload:
            raise FaultError(FaultCode.EMPTY_PROMPT, "write something first", prompt.channel)
        try:
            text = await coding.decode(self.codec, prompt.payload)
        except CodecError as error:
            code = _CODEC_FAULTS.get(error.name, FaultCode.CORRUPT)
            raise FaultError(code, f"the message could not be read: {error}", prompt.channel) from None
        if text_check(text) != prompt.check:
            raise FaultError(FaultCode.CORRUPT, "the message arrived damaged: send it again", prompt.channel)
        return text

    async def _resume(self, event: ResumeAsked) -> None:
        name = UUID(bytes=event.stream)
        stream = registry.get(self.user.pk, name) or await recorded.load(self.user, name)
        if stream is None:
            raise FaultError(FaultCode.UNKNOWN_STREAM, "there is no such answer of yours", event.channel)
        with _as_faults(event.channel):
            stream.check(event.offset, event.epoch)
        message = Message(self.user.pk, self.user.get_username(), stream.conversation, name, "")
        self._open(event.channel, stream, message, event.offset)

    # -- streams to frames -------------------------------------------------------------------------------------

    def _open(self, channel: int, stream: Stream | RecordedStream, message: Message, offset: int) -> None:
        before = self._readers.pop(channel, None)
        if before is not None:
            self._account(before)
            if before.task is not None:
                before.task.cancel()
        self.protocol.open(channel, stream.name.bytes, stream.epoch, offset, stream.conversation.bytes)
        reader = self._readers[channel] = Reader(stream, message)
        reader.task = asyncio.create_task(self._read(channel, reader, offset))

    async def _read(self, channel: int, reader: Reader, offset: int) -> None:
        """Feed the protocol from the stream while it wants more; what is not fed holds the stream back."""
        try:
            async with aclosing(reader.stream.read(offset)) as events:
                async for event in events:
                    while not self.protocol.wants(channel):
                        reader.room.clear()
                        await reader.room.wait()
                    self.protocol.feed(channel, event)
                    self._wake()
        except Exception:
            log.exception("stream %s could not be read", reader.stream.name)
            fault = FaultError(FaultCode.INTERNAL, "AURA could not read this answer. Try again.", channel)
            self.protocol.close(channel)
            self._finish(channel)
            self.protocol.fault(fault)
            self._wake()

    def _wake(self) -> None:
        """Have what waits sent. The task that sends lives only while there is something: idle sessions stay small."""
        for reader in self._readers.values():
            reader.room.set()
        self._again = True
        if self._writer is None and not self._left:
            self._writer = asyncio.create_task(self._write())

    async def _write(self) -> None:
        try:
            while self._again:
                self._again = False
                await self._send(self.protocol.control_frames())
                for item in self.protocol.groups():
                    if isinstance(item, Group):
                        await self._send_group(item)
                    else:
                        await self._send([item])
                        self._finish(item.channel)
                for reader in self._readers.values():
                    reader.room.set()
        except OSError:
            log.debug("session %s: the line is gone", self.name.hex())
        finally:
            self._writer = None

    async def _send(self, out: list[Frame]) -> int:
        if not out:
            return 0
        size = await self._transmit(out)
        self.tally.frames += len(out)
        self.tally.frame_bytes += size
        return size

    async def _send_group(self, group: Group) -> None:
        encoded = await self._encode(group)
        text = group.text.encode()
        check = frames.chunk_check(group.stream, group.epoch, group.offset, group.count, text)
        size = await self._send([frames.Chunk(group.channel, check, encoded.data, group.count)])
        self.protocol.spend(size)
        self.tally.add(encoded.method, len(text), len(encoded.data))
        reader = self._readers.get(group.channel)
        if reader is not None:
            reader.tally.add(encoded.method, len(text), len(encoded.data))

    async def _encode(self, group: Group) -> Encoded:
        if group.raw:
            return encode_raw(group.text)
        return await coding.encode(self.codec, group.text)

    # -- the end -----------------------------------------------------------------------------------------------

    def _finish(self, channel: int) -> None:
        """Account for a stream that this session has sent to its end."""
        reader = self._readers.pop(channel, None)
        if reader is not None:
            self._account(reader)

    def _account(self, reader: Reader) -> None:
        """Put on the record what went over the wire; nobody waits for it."""
        if reader.tally.payloads:
            meta = {"session": self.name.hex(), "direction": "down", **reader.tally.summary()}
            with suppress(AuditError):
                journal().submit([recorded.entry(reader.message, Kind.DELIVERY, meta=meta)])

    def ping(self) -> bool:
        """Queue a PING; return False when the client has answered none of the last two."""
        if self.protocol.unheard_pings >= 2:
            return False
        self.protocol.unheard_pings += 1
        self.protocol.send(frames.Ping())
        self._wake()
        return True

    def drain(self) -> None:
        """Ask the client to go on elsewhere."""
        self.protocol.send(frames.Control(0, Action.DRAIN))
        self._wake()

    async def leave(self, *, leaving: bool) -> None:
        """End the session: `leaving` when the client said goodbye, not when its line broke."""
        self._left = True
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


_CODEC_FAULTS = {"too_large": FaultCode.TOO_LARGE, "unknown_library": FaultCode.UNKNOWN_LIBRARY}


@contextmanager
def _as_faults(channel: int) -> Iterator[None]:
    """Turn the errors of the apps into the FAULT that answers a request."""
    try:
        yield
    except StreamingError as error:
        retry_after = round((error.retry_after or 0) * 1000)
        raise FaultError(error.code, str(error), channel, retry_after) from None
    except AuditError as error:
        code = FaultCode.named(getattr(error, "code", ""))
        raise FaultError(code, str(error), channel) from error
