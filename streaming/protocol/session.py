"""The server's half of a session, sans-I/O: frames in, events out; stream events in, frames out.

The shell (`streaming.sessions`) does all that waits: it reads streams, codes texts, and moves bytes. Here stand the rules:
what may follow what, which channel stands for which stream, how chunks are grouped, and how much credit is left.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from streaming.flow.events import StreamChunk, StreamDone, StreamEnd, StreamEvent
from streaming.flow.schedule import FairSchedule
from streaming.flow.segment import CONTEXT, is_boundary
from streaming.protocol import frames
from streaming.protocol.codes import Action, CloseCode, FaultCode, LibraryAction, Mode, Priority, Reliability
from streaming.protocol.errors import FaultError, FrameError
from streaming.protocol.frames import Frame
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
from streaming.protocol.tentative import LIMIT, confirmed

DEFAULT_CREDIT = 262_144
CREDIT_LIMIT = 16 * 1024 * 1024
# One frame carries at most this much text, unless a single chunk is larger; more goes into the next frame.
GROUP_LIMIT = 65_536
# Frames that wait for a client which asks and asks but reads nothing.
WAITING_LIMIT = 512
# A channel asks for no more events while this much text waits in it.
PENDING_LIMIT = 16_384
# So many chunks that are ready at once still go as pieces, each in a frame of its own; more are smaller in one payload.
PIECES_LIMIT = 16
# Shares of the bandwidth while several channels want some.
WEIGHTS = {Priority.URGENT: 8, Priority.NORMAL: 4, Priority.BULK: 1}


@dataclass(slots=True)
class Group:
    """Chunks that go into one frame: `count` of them from `offset` on, joined to `text`."""

    channel: int
    stream: bytes
    epoch: int
    offset: int
    count: int
    text: str
    raw: bool  # the client could not decode what it got: send it in the form that always decodes
    topic: bool = False  # an event of a topic: sent as EVENT, coded once for all its subscribers
    passed: int = 0  # of a topic: how many events before it are left out
    piece: bool = False  # it may go as a PIECE (section 16)
    tentative: bool = False  # no chunk, but what will probably follow (section 18)


@dataclass(slots=True)
class _Channel:
    stream: bytes
    epoch: int
    mode: Mode
    offset: int  # of the first pending event
    pending: list[StreamChunk] = field(default_factory=list)
    size: int = 0  # characters pending
    end: StreamEnd | None = None
    raw: bool = False
    paused: bool = False
    acked: int = 0
    tail: str = ""
    topic: str = ""
    priority: Priority = Priority.NORMAL
    index: int = 0  # of the model that its pieces are coded with
    draft: str = ""  # what will probably follow the newest event that was fed
    shown: str = ""  # the tentative text that the client shows now


class ServerSession:
    """The rules of one session.

    Call `receive` with each frame and act on the events it returns; call `open`, then `feed` with the events of a stream
    while `wants` is true; take frames with `control_frames` and `groups`. FrameError ends the session; FaultError is
    answered by `fault`.
    """

    def __init__(self, session: bytes, *, channel_limit: int = 64, flow: bool = True) -> None:
        self.session = session
        self.mode = Mode.SENTENCE
        self.credit = 0
        self.greeted = False
        self.pieces = False  # the client reads PIECE frames
        self.tentative = False  # the client shows tentative text
        self.unheard_pings = 0
        self._flow = flow
        self._channel_limit = channel_limit
        self._channels: dict[int, _Channel] = {}
        self._out: list[Frame] = []
        self._schedule = FairSchedule()

    # -- from the client ---------------------------------------------------------------------------------------

    def receive(self, frame: Frame) -> list[SessionEvent]:
        """Return what the shell has to do about a frame of the client. Raises FrameError or FaultError."""
        self.unheard_pings = 0
        if len(self._out) >= WAITING_LIMIT:
            raise FrameError("too many answers wait: read them before you ask for more", CloseCode.OVERLOADED)
        if isinstance(frame, frames.Hello):
            return self._on_hello(frame)
        if not self.greeted:
            raise FrameError("the first frame must be HELLO")
        handler = _HANDLERS.get(type(frame))
        if handler is None:
            raise FrameError(f"{frame.type.name} is not for clients to send")
        return handler(self, frame)

    def _on_prompt(self, frame: frames.Prompt) -> list[SessionEvent]:
        self._claim(frame.channel, frame.stream)
        _priority(frame.priority, frame.channel)
        return [Asked(frame)]

    def _on_ping(self, frame: frames.Ping) -> list[SessionEvent]:
        self._out.append(frames.Pong(frame.data))
        return []

    def _on_hello(self, hello: frames.Hello) -> list[SessionEvent]:
        if self.greeted:
            raise FrameError("HELLO came twice")
        if frames.VERSION not in hello.version:
            raise FrameError(
                "no common version of the protocol: reload the page or update the client",
                CloseCode.UNSUPPORTED_VERSION,
            )
        self.mode = _mode(hello.mode)
        self.credit = min(hello.credit or DEFAULT_CREDIT, CREDIT_LIMIT)
        self.greeted = True
        self.pieces = hello.pieces > 0
        self.tentative = hello.tentative > 0
        return [Greeted(hello)]

    def _on_resume(self, frame: frames.Resume) -> list[SessionEvent]:
        priority = _priority(frame.priority, frame.channel)
        if frame.topic:
            self._claim(frame.channel, b"", frame.topic)
            try:
                return [SubscribeAsked(frame, Reliability(frame.reliability), priority)]
            except ValueError:
                raise FaultError(FaultCode.MALFORMED, "unknown reliability", frame.channel) from None
        self._claim(frame.channel, frame.stream)
        if not frame.epoch and frame.offset:
            raise FaultError(FaultCode.MALFORMED, "an offset needs its epoch", frame.channel)
        return [ResumeAsked(frame.channel, frame.stream, frame.epoch, frame.offset, priority)]

    def _claim(self, number: int, stream: bytes, topic: str = "") -> None:
        """Check that the channel may stand for the stream or the topic."""
        if len(stream) != 16 and not topic:
            raise FaultError(FaultCode.MALFORMED, "the name of a stream has 16 bytes", number)
        known = self._channels.get(number)
        if known is not None and (known.topic != topic or (known.stream != stream and not topic)):
            raise FaultError(FaultCode.CONFLICT, "that channel stands for another stream", number)
        if known is None and len(self._channels) >= self._channel_limit:
            raise FaultError(
                FaultCode.TOO_MANY_STREAMS, f"a session has at most {self._channel_limit} channels", number
            )

    def _on_ack(self, ack: frames.Ack) -> list[SessionEvent]:
        self.credit = min(self.credit + ack.credit, CREDIT_LIMIT)
        channel = self._channels.get(ack.channel)
        if channel is None or ack.offset <= channel.acked:
            return []
        channel.acked = min(ack.offset, channel.offset)
        return [Acked(ack.channel, channel.acked)] if channel.topic else []

    def _on_control(self, control: frames.Control) -> list[SessionEvent]:
        if control.action == Action.BARGE_IN and not control.channel:
            return [BargeInAsked()]
        numbers = [control.channel] if control.channel else list(self._channels)
        chosen = [(number, self._channels[number]) for number in numbers if number in self._channels]
        match control.action:
            case Action.CANCEL:
                return [CancelAsked(number, channel.stream) for number, channel in chosen]
            case Action.PAUSE | Action.RESUME:
                for _, channel in chosen:
                    channel.paused = control.action == Action.PAUSE
            case Action.MODE:
                if not control.channel:
                    self.mode = _mode(control.mode)
                for _, channel in chosen:
                    channel.mode = _mode(control.mode)
            case _:
                raise FaultError(FaultCode.MALFORMED, "unknown control action", control.channel)
        return []

    def _on_fault(self, fault: frames.Fault) -> list[SessionEvent]:
        channel = self._channels.get(fault.channel)
        if channel is not None and fault.code in (FaultCode.CORRUPT, FaultCode.UNKNOWN_LIBRARY):
            channel.raw = True
        return []

    def _on_library(self, notice: frames.LibraryNotice) -> list[SessionEvent]:
        match notice.action:
            case LibraryAction.ACK:
                return [LibraryAcked(notice.index)]
            case LibraryAction.PRIMED:
                return [LibraryPrimed(notice.index)]
            case LibraryAction.NEED:
                for channel in self._channels.values():
                    channel.raw = True
                return []
        raise FaultError(FaultCode.MALFORMED, "unknown library action")

    # -- from the streams --------------------------------------------------------------------------------------

    def open(
        self,
        number: int,
        stream: bytes,
        epoch: int,
        offset: int,
        conversation: bytes,
        *,
        topic: str = "",
        priority: Priority = Priority.NORMAL,
        index: int = 0,
    ) -> int:
        """Let channel `number` stand for a stream whose next event has that offset; anew if it already did.

        `index` is that of the model to code pieces with, if the session has one. Returns it, or 0 when there are to be none:
        the client does not read them, or could not read what it got.
        """
        raw = number in self._channels and self._channels[number].raw
        if raw or topic or not self.pieces:
            index = 0
        channel = _Channel(
            stream, epoch, self.mode, offset, raw=raw, topic=topic, priority=priority, acked=offset, index=index
        )
        self._channels[number] = channel
        self._out.append(frames.Open(number, stream, epoch, offset, conversation, index))
        return index

    def feed(self, number: int, event: StreamEvent, draft: str = "") -> None:
        """Add the next event of the channel's stream; `draft` is what will probably follow it."""
        channel = self._channels[number]
        channel.draft = draft
        if isinstance(event, StreamChunk):
            channel.pending.append(event)
            channel.size += len(event.text)
        else:
            channel.end = event

    def wants(self, number: int) -> bool:
        """Return whether the channel should be fed more now."""
        channel = self._channels.get(number)
        if channel is None or channel.end is not None:
            return False
        limit = GROUP_LIMIT if channel.mode == Mode.COMPLETE else PENDING_LIMIT
        return channel.size < limit and not channel.paused and self.credit > 0

    def close(self, number: int) -> int:
        """Forget a channel; return the offset that would have come next on it."""
        self._schedule.forget(number)
        channel = self._channels.pop(number, None)
        return channel.offset if channel is not None else 0

    def send(self, frame: Frame) -> None:
        """Queue a frame that needs no credit."""
        self._out.append(frame)

    def fault(self, error: FaultError) -> None:
        """Queue the FAULT that answers a request."""
        self._out.append(
            frames.Fault(
                error.channel, error.code, str(error), int(error.code.retry), error.retry_after, id=error.event
            )
        )

    # -- to the client -----------------------------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """Return how many frames wait that need no credit."""
        return len(self._out)

    def control_frames(self) -> list[Frame]:
        """Return the frames that wait and need no credit, and forget them."""
        out, self._out = self._out, []
        return out

    def groups(self) -> Iterator[Group | Frame]:
        """Yield what may be sent now: groups to encode (answer each with `spend`), and the frames that end streams.

        Channels share the line by the weights of their priorities, so that a long answer does not hold up a short one.
        """
        return self._schedule.take(lambda: self._channels, self._weight, self._next)

    def _weight(self, number: int) -> int:
        channel = self._channels.get(number)
        return WEIGHTS[channel.priority] if channel is not None else 1

    def spend(self, number: int, size: int) -> None:
        """Count the bytes of a chunk frame of a channel: against its share, and against the credit."""
        self._schedule.spend(number, size)
        if self._flow:
            self.credit -= size

    def _next(self, number: int) -> Group | Frame | None:
        channel = self._channels.get(number)
        if channel is None or channel.paused:
            return None
        if channel.topic and channel.pending:
            return self._event(number, channel) if self.credit > 0 else None
        count = _ready(channel)
        if count:
            return self._group(number, channel, count) if self.credit > 0 else None
        if channel.end is not None and not channel.pending:
            self.close(number)
            return _end_frame(number, channel.end)
        return self._tentative(number, channel)

    def _tentative(self, number: int, channel: _Channel) -> Group | None:
        """Return the tentative text that the client has to show now; None while it shows just that."""
        text = _expected(channel)
        if text == channel.shown or not self.tentative or self.credit <= 0:
            return None
        channel.shown = text
        return Group(number, channel.stream, channel.epoch, channel.offset, 0, text, False, tentative=True)

    def _group(self, number: int, channel: _Channel, count: int) -> Group:
        piece = channel.index > 0 and channel.mode == Mode.TOKEN and count <= PIECES_LIMIT and not channel.raw
        if piece:
            count = 1
        taken, channel.pending = channel.pending[:count], channel.pending[count:]
        text = "".join(chunk.text for chunk in taken)
        offset = channel.offset
        channel.offset += count
        channel.size -= len(text)
        channel.tail = (channel.tail + text)[-CONTEXT:]
        channel.shown = confirmed(channel.shown, text)
        raw, channel.raw = channel.raw, False
        return Group(number, channel.stream, channel.epoch, offset, count, text, raw, piece=piece)

    def _event(self, number: int, channel: _Channel) -> Group:
        event = channel.pending.pop(0)
        passed, channel.offset = event.offset - channel.offset, event.offset + 1
        channel.size -= len(event.text)
        raw, channel.raw = channel.raw, False
        return Group(number, channel.stream, channel.epoch, event.offset, 1, event.text, raw, True, passed)


# A table of the class, not of each session: bound methods in it would tie a session to itself, and only Python's search for
# cycles would ever free it.
_HANDLERS: dict[type[Frame], Callable[[ServerSession, Any], list[SessionEvent]]] = {
    frames.Prompt: ServerSession._on_prompt,
    frames.Resume: ServerSession._on_resume,
    frames.Publish: lambda _, frame: [PublishAsked(frame)],
    frames.Ack: ServerSession._on_ack,
    frames.Control: ServerSession._on_control,
    frames.Ping: ServerSession._on_ping,
    frames.Pong: lambda *_: [],
    frames.Fault: ServerSession._on_fault,
    frames.LibraryNotice: ServerSession._on_library,
    frames.Voice: lambda _, frame: [VoiceCame(frame)],
    frames.Audio: lambda _, frame: [VoiceCame(frame)],
}


def _expected(channel: _Channel) -> str:
    """Return what will probably follow the text that was sent: what waits for the end of its sentence, and the draft."""
    if not channel.draft or channel.mode == Mode.COMPLETE or channel.topic or channel.raw:
        return ""
    if channel.size + len(channel.draft) > LIMIT:
        return ""
    return "".join(chunk.text for chunk in channel.pending) + channel.draft


def _priority(value: int, number: int) -> Priority:
    try:
        return Priority(value)
    except ValueError:
        raise FaultError(FaultCode.MALFORMED, "unknown priority", number) from None


def _mode(value: int) -> Mode:
    try:
        return Mode(value)
    except ValueError:
        raise FaultError(FaultCode.MALFORMED, f"unknown mode {value}") from None


def _ready(channel: _Channel) -> int:
    """Return how many pending chunks make the next frame; 0 to wait."""
    if channel.mode == Mode.COMPLETE and channel.end is None and channel.size < GROUP_LIMIT:
        return 0
    size = count = sentences = 0
    before = channel.tail
    for chunk in channel.pending:
        if count and is_boundary(before[-CONTEXT:], chunk.text):
            sentences = count
        if count and size + len(chunk.text) > GROUP_LIMIT:
            return sentences if channel.mode == Mode.SENTENCE and sentences else count
        size += len(chunk.text)
        count += 1
        before = (before + chunk.text)[-CONTEXT:]
    if channel.end is not None or channel.mode == Mode.TOKEN or size >= GROUP_LIMIT:
        return count
    return sentences if channel.mode == Mode.SENTENCE else 0


def _end_frame(number: int, end: StreamEnd) -> Frame:
    if isinstance(end, StreamDone):
        return frames.Done(
            number,
            offset=end.offset,
            check=end.check,
            finish=end.finish,
            model=end.model,
            tier=end.tier,
            prompt_tokens=end.prompt_tokens,
            completion_tokens=end.completion_tokens,
            cost=end.cost,
            first_token=end.first_token,
            duration=end.duration,
        )
    return frames.Fault(number, end.code, end.message, int(end.code.retry), end.retry_after, offset=end.offset + 1)
