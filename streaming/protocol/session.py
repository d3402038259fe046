"""The server's half of a session, sans-I/O: frames in, events out; stream events in, frames out.

The shell (`streaming.sessions`) does all that waits: it reads streams, codes texts, and moves bytes. Here stand the rules:
what may follow what, which channel stands for which stream, how chunks are grouped, and how much credit is left.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from streaming.flow.events import StreamChunk, StreamDone, StreamEnd, StreamEvent
from streaming.flow.segment import CONTEXT, is_boundary
from streaming.protocol import frames
from streaming.protocol.codes import Action, CloseCode, FaultCode, LibraryAction, Mode
from streaming.protocol.errors import FaultError, FrameError
from streaming.protocol.frames import Frame

DEFAULT_CREDIT = 262_144
CREDIT_LIMIT = 16 * 1024 * 1024
# One frame carries at most this much text, unless a single chunk is larger; more goes into the next frame.
GROUP_LIMIT = 65_536
# Frames that wait for a client which asks and asks but reads nothing.
WAITING_LIMIT = 512
# A channel asks for no more events while this much text waits in it.
PENDING_LIMIT = 16_384


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


@dataclass(frozen=True, slots=True)
class Greeted:
    """HELLO came; the shell answers with `welcome`."""

    hello: frames.Hello


@dataclass(frozen=True, slots=True)
class Asked:
    """A question came; the shell decodes its payload, asks, and calls `open`, or answers with a fault."""

    prompt: frames.Prompt


@dataclass(frozen=True, slots=True)
class ResumeAsked:
    """The client wants the stream from that offset on; the shell calls `open` or answers with a fault."""

    channel: int
    stream: bytes
    epoch: int
    offset: int


@dataclass(frozen=True, slots=True)
class CancelAsked:
    """The user no longer wants the answer."""

    channel: int
    stream: bytes


@dataclass(frozen=True, slots=True)
class LibraryAcked:
    """The client holds the library that was offered under that index."""

    index: int


SessionEvent: TypeAlias = Greeted | Asked | ResumeAsked | CancelAsked | LibraryAcked


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
        self.unheard_pings = 0
        self._flow = flow
        self._channel_limit = channel_limit
        self._channels: dict[int, _Channel] = {}
        self._out: list[Frame] = []
        self._turn = 0

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
        match frame:
            case frames.Prompt():
                self._claim(frame.channel, frame.stream)
                return [Asked(frame)]
            case frames.Resume():
                return self._on_resume(frame)
            case frames.Ack():
                self._on_ack(frame)
            case frames.Control():
                return self._on_control(frame)
            case frames.Ping():
                self._out.append(frames.Pong(frame.data))
            case frames.Fault():
                self._on_fault(frame)
            case frames.LibraryNotice():
                return self._on_library(frame)
            case frames.Pong():
                pass
            case _:
                raise FrameError(f"{frame.type.name} is not for clients to send")
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
        return [Greeted(hello)]

    def _on_resume(self, frame: frames.Resume) -> list[SessionEvent]:
        self._claim(frame.channel, frame.stream)
        if not frame.epoch and frame.offset:
            raise FaultError(FaultCode.MALFORMED, "an offset needs its epoch", frame.channel)
        return [ResumeAsked(frame.channel, frame.stream, frame.epoch, frame.offset)]

    def _claim(self, number: int, stream: bytes) -> None:
        """Check that the channel may stand for the stream."""
        if len(stream) != 16:
            raise FaultError(FaultCode.MALFORMED, "the name of a stream has 16 bytes", number)
        known = self._channels.get(number)
        if known is not None and known.stream != stream:
            raise FaultError(FaultCode.CONFLICT, "that channel stands for another stream", number)
        if known is None and len(self._channels) >= self._channel_limit:
            raise FaultError(
                FaultCode.TOO_MANY_STREAMS, f"a session has at most {self._channel_limit} channels", number
            )

    def _on_ack(self, ack: frames.Ack) -> None:
        self.credit = min(self.credit + ack.credit, CREDIT_LIMIT)
        channel = self._channels.get(ack.channel)
        if channel is not None:
            channel.acked = max(channel.acked, min(ack.offset, channel.offset))

    def _on_control(self, control: frames.Control) -> list[SessionEvent]:
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

    def _on_fault(self, fault: frames.Fault) -> None:
        channel = self._channels.get(fault.channel)
        if channel is not None and fault.code in (FaultCode.CORRUPT, FaultCode.UNKNOWN_LIBRARY):
            channel.raw = True

    def _on_library(self, notice: frames.LibraryNotice) -> list[SessionEvent]:
        match notice.action:
            case LibraryAction.ACK:
                return [LibraryAcked(notice.index)]
            case LibraryAction.NEED:
                for channel in self._channels.values():
                    channel.raw = True
                return []
        raise FaultError(FaultCode.MALFORMED, "unknown library action")

    # -- from the streams --------------------------------------------------------------------------------------

    def open(self, number: int, stream: bytes, epoch: int, offset: int, conversation: bytes) -> None:
        """Let channel `number` stand for a stream whose next event has that offset; anew if it already did."""
        raw = number in self._channels and self._channels[number].raw
        self._channels[number] = _Channel(stream, epoch, self.mode, offset, raw=raw)
        self._out.append(frames.Open(number, stream, epoch, offset, conversation))

    def feed(self, number: int, event: StreamEvent) -> None:
        """Add the next event of the channel's stream."""
        channel = self._channels[number]
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

    def close(self, number: int) -> None:
        """Forget a channel."""
        self._channels.pop(number, None)

    def send(self, frame: Frame) -> None:
        """Queue a frame that needs no credit."""
        self._out.append(frame)

    def fault(self, error: FaultError) -> None:
        """Queue the FAULT that answers a request."""
        self._out.append(frames.Fault(error.channel, error.code, str(error), int(error.code.retry), error.retry_after))

    # -- to the client -----------------------------------------------------------------------------------------

    def control_frames(self) -> list[Frame]:
        """Return the frames that wait and need no credit, and forget them."""
        out, self._out = self._out, []
        return out

    def groups(self) -> Iterator[Group | Frame]:
        """Yield what may be sent now: groups to encode (answer each with `spend`), and the frames that end streams.

        Channels take turns, one frame each, so that a long answer does not hold up a short one.
        """
        idle = 0
        while idle < len(self._channels):
            numbers = list(self._channels)
            number = numbers[self._turn % len(numbers)]
            self._turn += 1
            ready = self._next(number)
            idle = idle + 1 if ready is None else 0
            if ready is not None:
                yield ready

    def spend(self, size: int) -> None:
        """Take the bytes of a chunk frame from the credit."""
        if self._flow:
            self.credit -= size

    def _next(self, number: int) -> Group | Frame | None:
        channel = self._channels[number]
        if channel.paused:
            return None
        count = _ready(channel)
        if count:
            return self._group(number, channel, count) if self.credit > 0 else None
        if channel.end is not None and not channel.pending:
            del self._channels[number]
            return _end_frame(number, channel.end)
        return None

    def _group(self, number: int, channel: _Channel, count: int) -> Group:
        taken, channel.pending = channel.pending[:count], channel.pending[count:]
        text = "".join(chunk.text for chunk in taken)
        offset = channel.offset
        channel.offset += count
        channel.size -= len(text)
        channel.tail = (channel.tail + text)[-CONTEXT:]
        raw, channel.raw = channel.raw, False
        return Group(number, channel.stream, channel.epoch, offset, count, text, raw)


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
