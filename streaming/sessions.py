"""Sessions: the waiting half of `streaming.protocol.session`, the same for every transport that carries frames."""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import replace
from typing import Any, Protocol
from uuid import UUID

from django.conf import settings

from audit.errors import AuditError
from compression import selectors as compression
from compression.codec.errors import CodecError
from compression.codec.library import Library
from compression.codec.payload import CompressionMethod, Encoded
from streaming import chat, coding, delivery, subscriptions
from streaming.errors import StreamingError
from streaming.load import load
from streaming.messages import Message
from streaming.protocol import frames, openai_form, pictures
from streaming.protocol.codec import SessionCodec, encode_raw, text_check
from streaming.protocol.codes import Action, FaultCode, Finish, LibraryAction, Priority
from streaming.protocol.errors import FaultError
from streaming.protocol.frames import Frame
from streaming.protocol.issued import Issued
from streaming.protocol.pieces import PieceWriter
from streaming.protocol.requests import (
    Acked,
    Asked,
    BargeInAsked,
    CancelAsked,
    Greeted,
    LibraryAcked,
    LibraryPrimed,
    PublishAsked,
    ResumeAsked,
    SessionEvent,
    SubscribeAsked,
    VoiceCame,
)
from streaming.protocol.session import Group, ServerSession
from streaming.recorded import RecordedStream
from streaming.registry import registry
from streaming.streams import Stream
from streaming.subscriptions import Subscription
from streaming.tally import Tally

log = logging.getLogger(__name__)

# Events of one client that may wait for their commit.
PUBLISHING_LIMIT = 256


class Voice(Protocol):
    """What hears and speaks for a session (`streaming.voice`)."""

    async def receive(self, frame: frames.Voice | frames.Audio) -> None:
        """Act on a frame about speech. Raises FaultError."""
        ...

    async def barge_in(self) -> None:
        """Be silent at once, and end the answer."""
        ...

    def summary(self) -> dict[str, Any]:
        """Return counts and times."""
        ...


class Reader:
    """One channel of a session: what it reads, the task that reads it, what went over the wire."""

    def __init__(self, stream: Stream | RecordedStream | Subscription, message: Message) -> None:
        self.stream = stream
        self.message = message
        self.task: asyncio.Task[None] | None = None
        self.room = asyncio.Event()
        self.tally = Tally()
        self.pieces: PieceWriter | None = None


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
        self.voice: Voice | None = None
        # Set whenever frames have gone out.
        self.moved = asyncio.Event()
        self._transmit = transmit
        self._readers: dict[int, Reader] = {}
        self._issued = Issued(self.codec)
        self._publishing: set[asyncio.Task[None]] = set()
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
            case SubscribeAsked():
                await self._subscribe(event)
            case PublishAsked():
                self._publish(event.frame)
            case Acked():
                reader = self._readers.get(event.channel)
                if reader is not None and isinstance(reader.stream, Subscription):
                    reader.stream.acknowledge(event.offset)
            case CancelAsked():
                await self._cancel(event)
            case LibraryAcked():
                self._issued.acknowledge(event.index)
            case LibraryPrimed():
                await self._prime(event.index)
            case VoiceCame() | BargeInAsked():
                await self._speak(event)

    async def _speak(self, event: VoiceCame | BargeInAsked) -> None:
        if self.voice is None:
            raise FaultError(FaultCode.NOT_ALLOWED, "this line carries no speech: connect to ws/audio/NAME/")
        if isinstance(event, VoiceCame):
            await self.voice.receive(event.frame)
        else:
            await self.voice.barge_in()

    def tell(self, *out: Frame) -> None:
        """Send frames that need no credit."""
        for frame in out:
            self.protocol.send(frame)
        self._wake()

    async def room(self, limit: int) -> None:
        """Return when fewer than `limit` frames wait for the line. Raises OSError when it is gone."""
        while self.protocol.waiting >= limit:
            if self._left:
                raise ConnectionError("the line is gone")
            self.moved.clear()
            await self.moved.wait()

    async def _greet(self, hello: frames.Hello) -> None:
        library = await compression.active_library_async()
        held = library.digest in hello.library
        self.client = hello.client
        self.protocol.send(
            frames.Welcome(
                version=frames.VERSION,
                session=self.name,
                heartbeat=round(settings.STREAMING_HEARTBEAT_INTERVAL * 1000),
                limit=settings.STREAMING_MESSAGE_LIMIT,
                library=library.digest if held else b"",
                index=self._issued.hold(library) if held else 0,
            )
        )
        self._offer(library)

    def offer(self, library: Library) -> None:
        """Go over to another library: as soon as the client has it, between two messages. Costs nothing if it is in use."""
        if self._issued.wanted and self._offer(library):
            self._wake()

    def _offer(self, library: Library) -> bool:
        notices = [] if self.codec.plain else self._issued.offer(library)
        for notice in notices:
            self.protocol.send(notice)
        return bool(notices)

    async def _prime(self, index: int) -> None:
        """Let the model of a library count, and say so, when the server has primed it too."""
        library = self.codec.libraries.get(index)
        if library is None or not library.dictionary or index in self.codec.models:
            return
        model = await compression.model_by_hash_async(library.dictionary)
        if model is not None and self.codec.libraries.get(index) is library:
            self.codec.models[index] = model
            self.protocol.send(frames.LibraryNotice(0, LibraryAction.PRIMED, index))

    async def _ask(self, prompt: frames.Prompt) -> None:
        text = words = await self._text_of(prompt)
        content = None
        if prompt.picture:
            size = len(words.encode()) + sum(map(len, prompt.picture))
            if size > settings.STREAMING_MESSAGE_LIMIT:
                limit = f"a message has at most {settings.STREAMING_MESSAGE_LIMIT} bytes, its pictures among them"
                raise FaultError(FaultCode.TOO_LARGE, limit, prompt.channel)
            content = pictures.content(words, prompt.picture, prompt.channel)
            # What the record says of a picture is what it says of those that programs send.
            text = openai_form.words({"content": content})
        message = Message(
            user_id=self.user.pk,
            actor=self.user.get_username(),
            conversation=UUID(bytes=prompt.conversation or secrets.token_bytes(16)),
            stream=UUID(bytes=prompt.stream),
            text=text,
            model=prompt.model,
            meta={
                "method": CompressionMethod(prompt.payload[0] & 7).name.lower(),
                "text_bytes": len(words.encode()),
                "wire_bytes": len(prompt.payload),
            },
            priority=Priority(prompt.priority),
            after=UUID(bytes=prompt.after) if prompt.after else None,
            content=content,
        )
        with _as_faults(prompt.channel):
            stream = await chat.ask(message, self.user)
        # A prompt that was sent before belongs to the conversation that it was sent to then.
        own = replace(message, conversation=stream.conversation)
        self._open(prompt.channel, stream, own, 0, priority=own.priority)

    async def _cancel(self, event: CancelAsked) -> None:
        """End an answer, or a subscription, which is the session's own."""
        reader = self._readers.get(event.channel)
        if reader is not None and isinstance(reader.stream, Subscription):
            offset = self.protocol.close(event.channel)
            self._finish(event.channel)
            self.protocol.send(frames.Done(event.channel, offset=offset, finish=Finish.CANCELLED))
            return
        stream = registry.get(self.user.pk, UUID(bytes=event.stream))
        if stream is not None:
            with _as_faults(event.channel):
                await chat.cancel(stream)

    async def _subscribe(self, event: SubscribeAsked) -> None:
        frame = event.frame
        with _as_faults(frame.channel):
            subscription = await subscriptions.subscribe(self.user, frame, event.reliability)
        message = Message(self.user.pk, self.user.get_username(), subscription.name, subscription.name, "")
        self._open(frame.channel, subscription, message, subscription.start, frame.topic, event.priority)

    def _publish(self, frame: frames.Publish) -> None:
        """Have an event published; events that arrive meanwhile do not wait for its commit."""
        if len(self._publishing) >= PUBLISHING_LIMIT:
            raise FaultError(FaultCode.RATE_LIMITED, "too many events wait: send fewer at once", 0, 100, frame.id)
        task = asyncio.create_task(self._published(frame))
        self._publishing.add(task)
        task.add_done_callback(self._publishing.discard)

    async def _published(self, frame: frames.Publish) -> None:
        try:
            with _as_faults(0):
                text = await self._text_of(frame)
                epoch, offset = await subscriptions.publish(self.user, frame.topic, frame.id, text)
        except FaultError as error:
            error.event = frame.id
            self.protocol.fault(error)
        else:
            self.protocol.send(frames.Publish(0, frame.id, epoch=epoch, offset=offset))
        self._wake()

    async def _text_of(self, prompt: frames.Prompt | frames.Publish) -> str:
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
        stream = await chat.find(self.user, name)
        if stream is None:
            raise FaultError(FaultCode.UNKNOWN_STREAM, "there is no such answer of yours", event.channel)
        with _as_faults(event.channel):
            stream.check(event.offset, event.epoch)
        message = Message(self.user.pk, self.user.get_username(), stream.conversation, name, "")
        self._open(event.channel, stream, message, event.offset, priority=event.priority)

    # -- streams to frames -------------------------------------------------------------------------------------

    def _open(
        self,
        channel: int,
        stream: Stream | RecordedStream | Subscription,
        message: Message,
        offset: int,
        topic: str = "",
        priority: Priority = Priority.NORMAL,
    ) -> None:
        before = self._readers.pop(channel, None)
        if before is not None:
            self._account(before)
            if before.task is not None:
                before.task.cancel()
            if isinstance(before.stream, Subscription):
                before.stream.release(leaving=True)
        conversation = b"" if topic else stream.conversation.bytes
        model = self.codec.models.get(self.codec.active)
        index = self.protocol.open(
            channel,
            stream.name.bytes,
            stream.epoch,
            offset,
            conversation,
            topic=topic,
            priority=priority,
            index=self.codec.active if model is not None else 0,
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
                    while not self.protocol.wants(channel):
                        reader.room.clear()
                        await reader.room.wait()
                    self.protocol.feed(channel, event, _draft(reader.stream, event.offset))
                    self._wake()
        except Exception as error:
            fault = _read_fault(error, channel, reader.stream.name)
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
                    # A channel that was opened while the line was full: its OPEN goes before its first chunk.
                    await self._send(self.protocol.control_frames())
                    if isinstance(item, Group):
                        await self._send_group(item)
                    else:
                        reader = self._readers.get(item.channel)
                        await self._send([item])
                        # While the end went out, a RESUME may have opened the channel anew.
                        if self._readers.get(item.channel) is reader:
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
        self.moved.set()
        self.tally.frames += len(out)
        self.tally.frame_bytes += size
        wait = load.debt(self.user.pk, size)
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
        encoded = await coding.encode(self.codec, group.text) if group.text else encode_raw("")
        check = frames.chunk_check(group.stream, group.epoch, group.offset, 0, group.text.encode())
        size = await self._send([frames.Tentative(group.channel, check, encoded.data)])
        self.protocol.spend(group.channel, size)
        # It costs bytes and says nothing: only the first is counted.
        self.tally.wire_bytes += len(encoded.data)
        reader = self._readers.get(group.channel)
        if reader is not None:
            reader.tally.wire_bytes += len(encoded.data)

    def _count(
        self, group: Group, reader: Reader | None, size: int, method: CompressionMethod, text: int, payload: int
    ) -> None:
        """Count a frame of `size` bytes, whose payload has so many and stands for that many of text."""
        self.protocol.spend(group.channel, size)
        self.tally.add(method, text, payload)
        if reader is not None:
            reader.tally.add(method, text, payload)

    async def _encode(self, group: Group, reader: Reader | None) -> Encoded:
        if group.raw:
            return encode_raw(group.text)
        if reader is not None and isinstance(reader.stream, Subscription):
            return await reader.stream.topic.coded(group.offset, group.text, self.codec)
        return await coding.encode(self.codec, group.text)

    # -- the end -----------------------------------------------------------------------------------------------

    def _finish(self, channel: int) -> None:
        """Account for a stream that this session has sent to its end."""
        reader = self._readers.pop(channel, None)
        if reader is not None:
            self._account(reader)
            if isinstance(reader.stream, Subscription):
                if reader.task is not None:
                    reader.task.cancel()
                reader.stream.release(leaving=True)

    def _account(self, reader: Reader) -> None:
        """Put on the record what went over the wire."""
        delivery.account(reader.message, self.name.hex(), reader.tally)

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
        self.moved.set()
        readers, self._readers = self._readers, {}
        tasks = [reader.task for reader in readers.values() if reader.task is not None]
        if self._writer is not None:
            tasks.append(self._writer)
        tasks += self._publishing
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for reader in readers.values():
            reader.stream.release(leaving=leaving)
            self._account(reader)


def _draft(stream: Stream | RecordedStream | Subscription, offset: int) -> str:
    """Return what will probably follow the event with that offset."""
    return stream.tentative_behind(offset) if isinstance(stream, Stream) else ""


def _read_fault(error: Exception, channel: int, name: UUID) -> FaultError:
    """Return the FAULT that ends a channel whose stream could not be read on."""
    if isinstance(error, StreamingError):
        return FaultError(error.code, str(error), channel)
    log.error("stream %s could not be read", name, exc_info=error)
    return FaultError(FaultCode.INTERNAL, "AURA could not read this answer. Try again.", channel)


_CODEC_FAULTS = {
    "too_large": FaultCode.TOO_LARGE,
    "unknown_library": FaultCode.UNKNOWN_LIBRARY,
    "not_primed": FaultCode.UNKNOWN_LIBRARY,
}


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
