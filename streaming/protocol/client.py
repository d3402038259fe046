"""The client's half of a session, sans-I/O: frames in, events out. `static/aura/protocol/client.js` is its twin."""

from dataclasses import dataclass, field
from typing import TypeAlias

from compression.codec.errors import CodecError
from streaming.protocol import frames
from streaming.protocol.codec import SessionCodec, encode_raw, text_check
from streaming.protocol.codes import Action, FaultCode, LibraryAction, Mode
from streaming.protocol.errors import FrameError
from streaming.protocol.frames import Frame

# Credit is given back when this much of it has been used.
CREDIT_STEP = 65_536
DEFAULT_CREDIT = 262_144


@dataclass(slots=True)
class Reading:
    """What the client knows of a stream. `offset` is the first that it does not have."""

    channel: int
    stream: bytes
    epoch: int = 0
    offset: int = 0
    text: str = ""
    conversation: bytes = b""
    sent: frames.Prompt | None = None
    prompt: frames.Prompt | None = None  # sent again when the line broke before OPEN came
    whole: bool = True  # `text` begins where the stream does, so that DONE can be checked against it
    waiting: bool = True  # for OPEN; chunks that come before it belong to an earlier request
    ended: bool = False
    wire_bytes: int = 0
    methods: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Welcomed:
    welcome: frames.Welcome


@dataclass(frozen=True, slots=True)
class Opened:
    reading: Reading


@dataclass(frozen=True, slots=True)
class TextArrived:
    """Text to show. `method` is that of its payload, which had `payload_bytes`; its frame had `size` bytes."""

    reading: Reading
    text: str
    method: int
    payload_bytes: int
    size: int


@dataclass(frozen=True, slots=True)
class Ended:
    reading: Reading
    done: frames.Done


@dataclass(frozen=True, slots=True)
class Failed:
    """A request or a stream failed; `reading` is None for a fault of the session."""

    reading: Reading | None
    fault: frames.Fault


@dataclass(frozen=True, slots=True)
class LibraryOffered:
    """The server uses a library that the client may fetch by its hash, then call `library_ready`."""

    index: int
    library: bytes


@dataclass(frozen=True, slots=True)
class DrainAsked:
    """The server is about to stop: open another connection and resume there."""


ClientEvent: TypeAlias = Welcomed | Opened | TextArrived | Ended | Failed | LibraryOffered | DrainAsked


class ClientSession:
    """One client's streams, over as many connections as it takes.

    `connect` begins a connection; `receive` takes each frame of it; `to_send` holds what has to go out. After a broken line
    call `connect` again: every stream that has not ended is resumed from the first offset the client does not have.
    """

    def __init__(self, codec: SessionCodec, *, mode: Mode = Mode.SENTENCE, client: str = "python") -> None:
        self.codec = codec
        self.mode = mode
        self.client = client
        self.readings: dict[int, Reading] = {}
        self.to_send: list[Frame] = []
        self._next_channel = 1
        self._used = 0

    def connect(self, held: tuple[bytes, ...] = ()) -> None:
        """Begin a connection; `held` are the hashes of libraries the client has."""
        self._used = 0
        self.codec.libraries.clear()
        self.codec.active = 0
        self.to_send = [frames.Hello(0, (frames.VERSION,), self.mode, DEFAULT_CREDIT, held, self.client)]
        for reading in self.readings.values():
            if not reading.ended:
                self.to_send.append(self._again(reading))

    def _again(self, reading: Reading) -> Frame:
        reading.waiting = True
        if reading.prompt is not None and not reading.epoch:
            return reading.prompt
        return frames.Resume(reading.channel, reading.stream, reading.epoch, reading.offset)

    def ask(self, text: str, stream: bytes, conversation: bytes = b"", model: str = "") -> Reading:
        """Ask a question and return the reading of its answer; `stream` are 16 random bytes."""
        channel = self._next_channel
        self._next_channel += 1
        encoded = self.codec.encode(text)
        # What is sent again on another connection cannot name a library of this one.
        kept = encoded if not encoded.data[0] >> 3 else encode_raw(text)
        prompt = frames.Prompt(channel, stream, conversation, encoded.data, text_check(text), model)
        again = frames.Prompt(channel, stream, conversation, kept.data, prompt.check, model)
        reading = self.readings[channel] = Reading(
            channel, stream, conversation=conversation, sent=prompt, prompt=again
        )
        self.to_send.append(prompt)
        return reading

    def resume(self, stream: bytes, epoch: int = 0, offset: int = 0, text: str = "") -> Reading:
        """Read a stream that exists, from `offset` on; `text` is what the client has of it."""
        reading = Reading(self._next_channel, stream, epoch, offset, text, whole=not offset or bool(text))
        self._next_channel += 1
        self.readings[reading.channel] = reading
        self.to_send.append(self._again(reading))
        return reading

    def control(self, action: Action, channel: int = 0, mode: Mode = Mode.COMPLETE) -> None:
        """Ask for pause, resume, cancel or another mode."""
        self.to_send.append(frames.Control(channel, action, mode))

    def receive(self, data: bytes, frame: Frame) -> list[ClientEvent]:
        """Return what a frame of the server means. `data` are its bytes. Raises FrameError for what no server sends."""
        match frame:
            case frames.Welcome():
                return [Welcomed(frame)]
            case frames.Open():
                return self._on_open(frame)
            case frames.Chunk():
                return self._on_chunk(frame, len(data))
            case frames.Done() | frames.Fault():
                return self._on_end(frame)
            case frames.LibraryNotice():
                return self._on_library(frame)
            case frames.Ping():
                self.to_send.append(frames.Pong(frame.data))
            case frames.Control():
                return [DrainAsked()] if frame.action == Action.DRAIN else []
            case frames.Pong():
                pass
            case _:
                raise FrameError(f"{frame.type.name} is not for servers to send")
        return []

    def _on_open(self, frame: frames.Open) -> list[ClientEvent]:
        reading = self._reading(frame.channel)
        if frame.stream != reading.stream or frame.offset != reading.offset:
            raise FrameError("OPEN for another stream or offset than was asked for")
        reading.waiting = False
        reading.epoch = frame.epoch
        reading.conversation = frame.conversation
        return [Opened(reading)]

    def _on_chunk(self, frame: frames.Chunk, size: int) -> list[ClientEvent]:
        reading = self._reading(frame.channel)
        credit = self._spent(size)
        text = None if reading.waiting else self._text(reading, frame)
        if credit:
            offset = reading.offset + (frame.count if text is not None else 0)
            self.to_send.append(frames.Ack(frame.channel, offset, credit))
        if text is None:
            if not reading.waiting:
                fault = frames.Fault(frame.channel, FaultCode.CORRUPT, "a chunk did not fit its check")
                self.to_send += [fault, self._again(reading)]
            return []
        reading.offset += frame.count
        reading.text += text
        reading.wire_bytes += size
        reading.methods.append(frame.payload[0] & 7)
        return [TextArrived(reading, text, frame.payload[0] & 7, len(frame.payload), size)]

    def _text(self, reading: Reading, frame: frames.Chunk) -> str | None:
        """Return the text of a chunk, None when it does not decode or does not fit its check."""
        try:
            text = self.codec.decode(frame.payload)
        except CodecError:
            return None
        check = frames.chunk_check(reading.stream, reading.epoch, reading.offset, frame.count, text.encode())
        return text if check == frame.check else None

    def _spent(self, size: int) -> int:
        """Return the credit to give back now, 0 while too little has been used."""
        self._used += size
        if self._used < CREDIT_STEP:
            return 0
        used, self._used = self._used, 0
        return used

    def _on_end(self, frame: frames.Done | frames.Fault) -> list[ClientEvent]:
        reading = self.readings.get(frame.channel)
        ends_stream = isinstance(frame, frames.Done) or frame.offset > 0
        if reading is not None and reading.waiting and ends_stream:
            # It was under way when RESUME went out; the resumed stream brings its own end.
            return []
        if isinstance(frame, frames.Fault):
            if reading is not None:
                reading.ended = True
            return [Failed(reading, frame)]
        if reading is None:
            raise FrameError("DONE on a channel that is not open")
        fits = not (frame.check and reading.whole) or frame.check == text_check(reading.text)
        if frame.offset != reading.offset or not fits:
            raise FrameError("DONE does not fit the text that came before it")
        reading.ended = True
        return [Ended(reading, frame)]

    def _on_library(self, frame: frames.LibraryNotice) -> list[ClientEvent]:
        if frame.action == LibraryAction.OFFER:
            return [LibraryOffered(frame.index, frame.library)]
        if frame.action == LibraryAction.RETIRE:
            self.codec.libraries.pop(frame.index, None)
            if self.codec.active == frame.index:
                self.codec.active = 0
        return []

    def library_ready(self, index: int) -> None:
        """Tell the server that `codec` now holds the library offered under `index`."""
        self.to_send.append(frames.LibraryNotice(0, LibraryAction.ACK, index))

    def _reading(self, channel: int) -> Reading:
        reading = self.readings.get(channel)
        if reading is None:
            raise FrameError(f"channel {channel} is not open")
        return reading
