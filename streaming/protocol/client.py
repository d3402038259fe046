"""The client's half of a session, sans-I/O: frames in, events out. `static/aura/protocol/client.js` is its twin."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from compression.codec.errors import CodecError
from compression.codec.payload import CompressionMethod
from streaming.protocol import frames
from streaming.protocol.codec import SessionCodec, encode_raw, text_check
from streaming.protocol.codes import Action, FaultCode, LibraryAction, Mode, Priority, Reliability
from streaming.protocol.errors import FrameError
from streaming.protocol.frames import Frame
from streaming.protocol.pieces import PieceReader
from streaming.protocol.tentative import confirmed

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
    damaged: int = -1  # the offset of the last chunk that did not fit its check
    wire_bytes: int = 0
    methods: list[int] = field(default_factory=list)
    pieces: PieceReader | None = None
    rewound: int = 0  # characters taken back since the last OPEN
    tentative: str = ""  # what will probably follow `text`: to be shown as such, and never as said
    subscription: frames.Resume | None = None  # of a topic; `text` stays empty then


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
class Rewound:
    """The last `size` characters that arrived may be damaged: take them back. They come again."""

    reading: Reading
    size: int


@dataclass(frozen=True, slots=True)
class Suggested:
    """`reading.tentative` is another text now. Its payload had `payload_bytes`."""

    reading: Reading
    payload_bytes: int


@dataclass(frozen=True, slots=True)
class EventArrived:
    """An event of a topic: `text` is its JSON, `offset` its place in the topic; `passed` before it were left out."""

    reading: Reading
    offset: int
    passed: int
    text: str


@dataclass(frozen=True, slots=True)
class Published:
    """An event of this client is on the record, at that place of its topic."""

    id: bytes
    epoch: int
    offset: int


@dataclass(frozen=True, slots=True)
class Ended:
    reading: Reading
    done: frames.Done


@dataclass(frozen=True, slots=True)
class Failed:
    """A request or a stream failed; `reading` is None for a fault of the session, and for that of a publication, whose
    id the fault has."""

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


ClientEvent: TypeAlias = (
    Welcomed
    | Opened
    | TextArrived
    | Rewound
    | Suggested
    | EventArrived
    | Published
    | Ended
    | Failed
    | LibraryOffered
    | DrainAsked
)


class ClientSession:
    """One client's streams, over as many connections as it takes.

    `connect` begins a connection; `receive` takes each frame of it; `to_send` holds what has to go out. After a broken line
    call `connect` again: every stream that has not ended is resumed from the first offset the client does not have.
    """

    def __init__(
        self,
        codec: SessionCodec,
        *,
        mode: Mode = Mode.SENTENCE,
        client: str = "python",
        pieces: bool = False,
        tentative: bool = False,
    ) -> None:
        self.codec = codec
        self.mode = mode
        self.client = client
        self.pieces = pieces  # whoever uses this session can take text back (Rewound)
        self.tentative = tentative  # whoever uses it shows what is tentative so that it is seen to be
        self.readings: dict[int, Reading] = {}
        self.to_send: list[Frame] = []
        self._next_channel = 1
        self._used = 0
        self._unconfirmed: dict[bytes, frames.Publish] = {}

    def connect(self, held: tuple[bytes, ...] = ()) -> None:
        """Begin a connection; `held` are the hashes of libraries the client has."""
        self._used = 0
        self.codec.libraries.clear()
        self.codec.active = 0
        wanted = int(self.pieces), int(self.tentative)
        self.to_send = [frames.Hello(0, (frames.VERSION,), self.mode, DEFAULT_CREDIT, held, self.client, *wanted)]
        for reading in self.readings.values():
            if not reading.ended:
                self._take_back(reading)
                self.to_send.append(self._again(reading))
        # The same ids again: what came through already is not published twice.
        self.to_send += self._unconfirmed.values()

    def _again(self, reading: Reading) -> Frame:
        reading.waiting, reading.tentative = True, ""
        if reading.subscription is not None:
            position = (reading.epoch, reading.offset)
            if reading.subscription.reliability != Reliability.EXACTLY_ONCE and reading.epoch:
                position = (0, 0)
            epoch, offset = position if reading.epoch else (reading.subscription.epoch, reading.subscription.offset)
            return replace(reading.subscription, epoch=epoch, offset=offset)
        if reading.prompt is not None and not reading.epoch:
            return reading.prompt
        return frames.Resume(reading.channel, reading.stream, reading.epoch, reading.offset)

    def ask(
        self,
        text: str,
        stream: bytes,
        conversation: bytes = b"",
        model: str = "",
        *,
        after: bytes = b"",
        pictures: Sequence[bytes] = (),
    ) -> Reading:
        """Ask a question and return the reading of its answer; `stream` are 16 random bytes.

        `after` is the stream of the question to stand behind: 16 zeros for the beginning of the conversation, empty for
        behind its newest question. `pictures` are files (section 19).
        """
        channel = self._next_channel
        self._next_channel += 1
        encoded = self.codec.encode(text)
        # What is sent again on another connection cannot name a library of this one.
        kept = encoded if not encoded.data[0] >> 3 else encode_raw(text)
        check = text_check(text)
        prompt = frames.Prompt(
            channel, stream, conversation, encoded.data, check, model, after=after, picture=tuple(pictures)
        )
        again = replace(prompt, payload=kept.data)
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

    def subscribe(
        self,
        topic: str,
        *,
        epoch: int = 0,
        offset: int = 0,
        wanted: str = "",
        reliability: Reliability = Reliability.EXACTLY_ONCE,
        name: str = "",
        priority: Priority = Priority.NORMAL,
    ) -> Reading:
        """Subscribe to a topic from that position on, or from now on; `wanted` is a filter as JSON.

        With exactly once, `offset` and `epoch` of the reading are the position to keep together with what the events did.
        With at least once the server keeps it under `name`, as far as `acknowledge` says.
        """
        channel = self._next_channel
        self._next_channel += 1
        frame = frames.Resume(channel, b"", epoch, offset, topic, wanted, reliability, name, priority)
        reading = self.readings[channel] = Reading(channel, b"", subscription=frame)
        self.to_send.append(frame)
        return reading

    def acknowledge(self, reading: Reading, offset: int = -1) -> None:
        """Say that what came of a topic so far, or below `offset`, has been dealt with."""
        self.to_send.append(frames.Ack(reading.channel, reading.offset if offset < 0 else offset, 0))

    def publish(self, topic: str, text: str, identifier: bytes) -> None:
        """Publish an event, `{"kind": ..., "data": ...}` as JSON, under 16 random bytes.

        `Published` confirms it, or `Failed` refuses it; until then it is sent again on every connection.
        """
        encoded = self.codec.encode(text)
        check = text_check(text)
        self._unconfirmed[identifier] = frames.Publish(0, identifier, topic, encode_raw(text).data, check)
        self.to_send.append(frames.Publish(0, identifier, topic, encoded.data, check))

    def control(self, action: Action, channel: int = 0, mode: Mode = Mode.COMPLETE) -> None:
        """Ask for pause, resume, cancel or another mode."""
        self.to_send.append(frames.Control(channel, action, mode))

    def receive(self, data: bytes, frame: Frame) -> list[ClientEvent]:
        """Return what a frame of the server means. `data` are its bytes. Raises FrameError for what no server sends."""
        found: list[ClientEvent] = []
        match frame:
            case frames.Welcome():
                found = [Welcomed(frame)]
            case frames.Open():
                found = self._on_open(frame)
            case frames.Chunk() | frames.Piece() | frames.Tentative() | frames.Event():
                found = self._on_text(frame, len(data))
            case frames.Publish():
                self._unconfirmed.pop(frame.id, None)
                found = [Published(frame.id, frame.epoch, frame.offset)]
            case frames.Done() | frames.Fault():
                found = self._on_end(frame)
            case frames.LibraryNotice():
                found = self._on_library(frame)
            case frames.Ping():
                self.to_send.append(frames.Pong(frame.data))
            case frames.Control():
                found = [DrainAsked()] if frame.action == Action.DRAIN else []
            case frames.Pong():
                pass
            case _:
                raise FrameError(f"{frame.type.name} is not for servers to send")
        return found

    def _on_open(self, frame: frames.Open) -> list[ClientEvent]:
        reading = self._reading(frame.channel)
        if reading.subscription is not None:
            reading.stream, reading.offset = frame.stream, frame.offset
        if frame.stream != reading.stream or frame.offset != reading.offset:
            raise FrameError("OPEN for another stream or offset than was asked for")
        reading.waiting = False
        reading.epoch = frame.epoch
        reading.conversation = frame.conversation
        model = self.codec.models.get(frame.index)
        if frame.index and model is None:
            raise FrameError("OPEN with a model that is not primed here")
        reading.pieces = PieceReader(model, frame.stream, frame.epoch, frame.offset) if model is not None else None
        size, reading.rewound = reading.rewound, 0
        return [Opened(reading), Rewound(reading, size)] if size else [Opened(reading)]

    def _on_text(
        self, frame: frames.Chunk | frames.Piece | frames.Tentative | frames.Event, size: int
    ) -> list[ClientEvent]:
        match frame:
            case frames.Chunk():
                return self._on_chunk(frame, size)
            case frames.Piece():
                return self._on_piece(frame, size)
            case frames.Tentative():
                return self._on_tentative(frame, size)
        return self._on_event(frame, size)

    def _on_chunk(self, frame: frames.Chunk, size: int) -> list[ClientEvent]:
        reading = self._reading(frame.channel)
        credit = self._spent(size)
        text = None if reading.waiting or reading.ended else self._text(reading, frame, frame.count)
        if credit:
            offset = reading.offset + (frame.count if text is not None else 0)
            self.to_send.append(frames.Ack(frame.channel, offset, credit))
        if text is None:
            return [] if reading.waiting or reading.ended else self._rewind(reading, "a chunk did not fit its check")
        if reading.pieces is not None:
            reading.pieces.note(text, frame.count)
        reading.offset += frame.count
        self._add(reading, text)
        reading.wire_bytes += size
        reading.methods.append(frame.payload[0] & 7)
        return [TextArrived(reading, text, frame.payload[0] & 7, len(frame.payload), size)]

    def _on_piece(self, frame: frames.Piece, size: int) -> list[ClientEvent]:
        reading = self._reading(frame.channel)
        credit = self._spent(size)
        if credit:
            self.to_send.append(frames.Ack(0, 0, credit))
        if reading.waiting or reading.ended:
            return []
        if reading.pieces is None:
            raise FrameError("a piece on a channel that was opened without")
        text = reading.pieces.get(frame.data)
        if text is None:
            return self._rewind(reading, "a piece did not fit its check")
        reading.offset += 1
        self._add(reading, text)
        reading.wire_bytes += size
        reading.methods.append(CompressionMethod.MODEL)
        return [TextArrived(reading, text, CompressionMethod.MODEL, len(frame.data), size)]

    def _add(self, reading: Reading, text: str) -> None:
        reading.text += text
        reading.tentative = confirmed(reading.tentative, text)

    def _on_tentative(self, frame: frames.Tentative, size: int) -> list[ClientEvent]:
        reading = self._reading(frame.channel)
        credit = self._spent(size)
        if credit:
            self.to_send.append(frames.Ack(0, 0, credit))
        if reading.waiting or reading.ended:
            return []
        # What is damaged is not worth asking for again: nothing is shown.
        reading.tentative = self._text(reading, frame, 0) or ""
        reading.wire_bytes += size
        return [Suggested(reading, len(frame.payload))]

    def _rewind(self, reading: Reading, reason: str) -> list[ClientEvent]:
        """Take back what no check covers, and ask for it again."""
        self._take_back(reading)
        return self._retry(reading, reason)

    def _take_back(self, reading: Reading) -> None:
        """Forget what no check covers: neither a check behind a RESUME nor one on another connection would."""
        if reading.pieces is not None:
            reading.offset, size = reading.pieces.unchecked
            reading.text = reading.text[: len(reading.text) - size]
            reading.rewound += size
            reading.pieces = None

    def _retry(self, reading: Reading, reason: str) -> list[ClientEvent]:
        """Ask again for what came damaged; what comes damaged twice at one place is given up."""
        if reading.damaged == reading.offset:
            reading.ended = True
            return [Failed(reading, frames.Fault(reading.channel, FaultCode.CORRUPT, f"{reason}, twice"))]
        reading.damaged = reading.offset
        reading.waiting, reading.tentative = True, ""
        again = frames.Resume(reading.channel, reading.stream, reading.epoch, reading.offset)
        if reading.subscription is not None:
            again = replace(reading.subscription, epoch=reading.epoch, offset=reading.offset)
        self.to_send += [frames.Fault(reading.channel, FaultCode.CORRUPT, reason), again]
        return []

    def _on_event(self, frame: frames.Event, size: int) -> list[ClientEvent]:
        reading = self._reading(frame.channel)
        credit = self._spent(size)
        if credit:
            self.to_send.append(frames.Ack(0, 0, credit))
        if reading.waiting or reading.ended:
            return []
        text = self._text(reading, frame, 1, frame.passed)
        if text is None:
            return self._retry(reading, "an event did not fit its check")
        offset = reading.offset + frame.passed
        reading.offset = offset + 1
        reading.wire_bytes += size
        return [EventArrived(reading, offset, frame.passed, text)]

    def _text(
        self, reading: Reading, frame: frames.Chunk | frames.Event | frames.Tentative, count: int, passed: int = 0
    ) -> str | None:
        """Return the text of `count` chunks, None when it does not decode or does not fit its check."""
        try:
            text = self.codec.decode(frame.payload)
        except CodecError:
            return None
        offset = reading.offset + passed
        check = frames.chunk_check(reading.stream, reading.epoch, offset, count, text.encode())
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
        if reading is not None and ends_stream and (reading.waiting or reading.ended):
            # It was under way when RESUME went out; the resumed stream brings its own end.
            return []
        if isinstance(frame, frames.Fault):
            if reading is not None:
                reading.ended = True
            self._unconfirmed.pop(frame.id, None)
            return [Failed(reading, frame)]
        if reading is None:
            raise FrameError("DONE on a channel that is not open")
        fits = not (frame.check and reading.whole) or frame.check == text_check(reading.text)
        if not fits and reading.pieces is not None:
            return self._rewind(reading, "the text does not fit its check")
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
