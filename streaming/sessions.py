"""Sessions: the waiting half of `streaming.protocol.session`, the same for every transport that carries frames."""

import asyncio
import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Protocol
from uuid import UUID

from django.conf import settings

from audit.errors import AuditError
from compression import selectors as compression
from compression.codec.errors import CodecError
from compression.codec.library import Library
from compression.codec.payload import CompressionMethod
from streaming import chat, coding, subscriptions
from streaming.channels import Channels, Transmit
from streaming.errors import StreamingError
from streaming.identifiers import new_identifier
from streaming.messages import Message
from streaming.protocol import frames, openai_form, pictures
from streaming.protocol.codec import SessionCodec, text_check
from streaming.protocol.codes import Action, FaultCode, Finish, LibraryAction, Priority
from streaming.protocol.errors import FaultError
from streaming.protocol.frames import Frame
from streaming.protocol.issued import Issued
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
from streaming.protocol.session import ServerSession
from streaming.registry import registry
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


class Session:
    """One client over one connection.

    The transport calls `receive` with each frame and `leave` at the end; the session calls `transmit` with frames, which
    waits as long as the client's line is full, and never with two at a time.
    """

    def __init__(self, user: Any, transmit: Transmit, *, plain: bool = False) -> None:
        self.user = user
        self.name = secrets.token_bytes(16)
        # A plain client codes nothing and grants no credit; its transport alone holds the server back.
        self.protocol = ServerSession(self.name, flow=not plain)
        self.codec = SessionCodec(settings.STREAMING_MESSAGE_LIMIT, plain)
        self.client = ""
        self.voice: Voice | None = None
        self._channels = Channels(user, self.name, self.protocol, self.codec, transmit)
        self._issued = Issued(self.codec)
        self._publishing: set[asyncio.Task[None]] = set()

    @property
    def channels(self) -> int:
        return len(self._channels)

    @property
    def tally(self) -> Tally:
        """Return what went over the wire."""
        return self._channels.tally

    # -- from the client ---------------------------------------------------------------------------------------

    async def receive(self, frame: Frame) -> None:
        """Act on a frame of the client. Raises FrameError, after which the transport closes the connection."""
        try:
            for event in self.protocol.receive(frame):
                await self._act(event)
        except FaultError as error:
            self.protocol.fault(error)
        self._channels.wake()

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
                subscription = self._channels.subscription(event.channel)
                if subscription is not None:
                    subscription.acknowledge(event.offset)
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
        self._channels.wake()

    async def room(self, limit: int) -> None:
        """Return when fewer than `limit` frames wait for the line. Raises OSError when it is gone."""
        await self._channels.room(limit)

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
            self._channels.wake()

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
                limit = f"a message has at most {settings.STREAMING_MESSAGE_LIMIT} bytes with its pictures: send less"
                raise FaultError(FaultCode.TOO_LARGE, limit, prompt.channel)
            content = pictures.content(words, prompt.picture, prompt.channel)
            # What the record says of a picture is what it says of those that programs send.
            text = openai_form.words({"content": content})
        message = Message(
            user_id=self.user.pk,
            actor=self.user.get_username(),
            conversation=UUID(bytes=prompt.conversation) if prompt.conversation else new_identifier(),
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
        self._channels.open(prompt.channel, stream, own, 0, priority=own.priority)

    async def _cancel(self, event: CancelAsked) -> None:
        """End an answer, or a subscription, which is the session's own."""
        if self._channels.subscription(event.channel) is not None:
            offset = self.protocol.close(event.channel)
            self._channels.finish(event.channel)
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
        self._channels.open(frame.channel, subscription, message, subscription.start, frame.topic, event.priority)

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
        self._channels.wake()

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
            offset = chat.place(stream, event.offset, event.epoch)
        message = Message(self.user.pk, self.user.get_username(), stream.conversation, name, "")
        self._channels.open(event.channel, stream, message, offset, priority=event.priority)

    # -- the end -----------------------------------------------------------------------------------------------

    def ping(self) -> bool:
        """Queue a PING; return False when the client has answered none of the last two."""
        if self.protocol.unheard_pings >= 2:
            return False
        self.protocol.unheard_pings += 1
        self.protocol.send(frames.Ping())
        self._channels.wake()
        return True

    def drain(self) -> None:
        """Ask the client to go on elsewhere."""
        self.protocol.send(frames.Control(0, Action.DRAIN))
        self._channels.wake()

    async def leave(self, *, leaving: bool) -> None:
        """End the session: `leaving` when the client said goodbye, not when its line broke."""
        for task in self._publishing:
            task.cancel()
        if self._publishing:
            await asyncio.wait(self._publishing)
        await self._channels.leave(leaving=leaving)


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
