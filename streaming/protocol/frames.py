"""Frames of the session protocol and their bytes (docs/reference/protocol.md, sections 2 to 6)."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, TypeAlias

from compression.codec.errors import CodecError
from compression.codec.varint import decode_varint, encode_varint
from streaming.protocol import fields
from streaming.protocol.errors import FrameError
from streaming.protocol.fields import fixed32, octets, string, varint

VERSION = 1
SUBPROTOCOL = "aura.v1"
CHANNEL_LIMIT = 65_535
CHUNK_COUNT_LIMIT = 1 << 20
TOPIC_LIMIT = 128


#: Bytes of a text in a VOICE frame.
VOICE_TEXT_LIMIT = 32_768


class FrameType(IntEnum):
    HELLO = 0
    WELCOME = 1
    PROMPT = 2
    OPEN = 3
    CHUNK = 4
    DONE = 5
    FAULT = 6
    ACK = 7
    CONTROL = 8
    PING = 9
    PONG = 10
    LIBRARY = 11
    PIECE = 12
    EVENT = 13
    CHUNKS = 14
    RESUME = 15
    # Speech: the numbers 2 and 4 on channel 0.
    VOICE = 16 + 2
    AUDIO = 16 + 4
    # The number 1 on other channels than 0.
    TENTATIVE = 32 + 1


@dataclass(frozen=True, slots=True)
class Hello:
    type: ClassVar = FrameType.HELLO
    channel: int = 0
    version: tuple[int, ...] = varint(1, repeated=True)
    mode: int = varint(2)
    credit: int = varint(3)
    library: tuple[bytes, ...] = octets(4, size=32, repeated=True)
    client: str = string(5, limit=64)
    pieces: int = varint(6)
    tentative: int = varint(7)


@dataclass(frozen=True, slots=True)
class Welcome:
    type: ClassVar = FrameType.WELCOME
    channel: int = 0
    version: int = varint(1)
    session: bytes = octets(2, size=16)
    heartbeat: int = varint(3)
    limit: int = varint(4)
    library: bytes = octets(5, size=32)
    index: int = varint(6)


@dataclass(frozen=True, slots=True)
class Prompt:
    type: ClassVar = FrameType.PROMPT
    channel: int
    stream: bytes = octets(1, size=16)
    conversation: bytes = octets(2, size=16)
    payload: bytes = octets(3)
    check: int = fixed32(4)
    model: str = string(5, limit=128)
    priority: int = varint(6)
    after: bytes = octets(7, size=16)
    picture: tuple[bytes, ...] = octets(8, repeated=True)


@dataclass(frozen=True, slots=True)
class Open:
    type: ClassVar = FrameType.OPEN
    channel: int
    stream: bytes = octets(1, size=16)
    epoch: int = varint(2)
    offset: int = varint(3)
    conversation: bytes = octets(4, size=16)
    index: int = varint(5)


@dataclass(frozen=True, slots=True)
class Chunk:
    """`count` chunks of a stream in one payload; a CHUNK frame when count is 1, else CHUNKS."""

    type: ClassVar = FrameType.CHUNK
    channel: int
    check: int
    payload: bytes
    count: int = 1


@dataclass(frozen=True, slots=True)
class Piece:
    """One chunk as a piece of its channel's text (section 16); `data` is the check, when one is due, and the code."""

    type: ClassVar = FrameType.PIECE
    channel: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Tentative:
    """What will probably follow the text that was sent on the channel (section 18); an empty text takes it back."""

    type: ClassVar = FrameType.TENTATIVE
    channel: int
    check: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Done:
    type: ClassVar = FrameType.DONE
    channel: int
    offset: int = varint(1)
    check: int = fixed32(2)
    finish: int = varint(3)
    model: str = string(4, limit=128)
    tier: str = string(5, limit=16)
    prompt_tokens: int = varint(6)
    completion_tokens: int = varint(7)
    cost: int = varint(8)
    first_token: int = varint(9)
    duration: int = varint(10)


@dataclass(frozen=True, slots=True)
class Fault:
    type: ClassVar = FrameType.FAULT
    channel: int
    code: int = varint(1)
    message: str = string(2, limit=512)
    retry: int = varint(3)
    retry_after: int = varint(4)
    offset: int = varint(5)
    id: bytes = octets(6, size=16)


@dataclass(frozen=True, slots=True)
class Ack:
    type: ClassVar = FrameType.ACK
    channel: int
    offset: int
    credit: int


@dataclass(frozen=True, slots=True)
class Control:
    type: ClassVar = FrameType.CONTROL
    channel: int
    action: int = varint(1)
    mode: int = varint(2)


@dataclass(frozen=True, slots=True)
class Ping:
    type: ClassVar = FrameType.PING
    data: bytes = b""
    channel: int = 0


@dataclass(frozen=True, slots=True)
class Pong:
    type: ClassVar = FrameType.PONG
    data: bytes = b""
    channel: int = 0


@dataclass(frozen=True, slots=True)
class LibraryNotice:
    type: ClassVar = FrameType.LIBRARY
    channel: int = 0
    action: int = varint(1)
    index: int = varint(2)
    library: bytes = octets(3, size=32)


@dataclass(frozen=True, slots=True)
class Resume:
    type: ClassVar = FrameType.RESUME
    channel: int
    stream: bytes = octets(1, size=16)
    epoch: int = varint(2)
    offset: int = varint(3)
    topic: str = string(4, limit=TOPIC_LIMIT)
    filter: str = string(5, limit=1_024)
    reliability: int = varint(6)
    name: str = string(7, limit=64)
    priority: int = varint(8)


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a topic: EVENT on the channel of the subscription. `passed` events before it were left out."""

    type: ClassVar = FrameType.EVENT
    channel: int
    passed: int
    check: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Publish:
    """EVENT on channel 0: from a client an event to publish, from the server its receipt (`epoch` from 1, and `offset`)."""

    type: ClassVar = FrameType.EVENT
    channel: int = 0
    id: bytes = octets(1, size=16)
    topic: str = string(2, limit=TOPIC_LIMIT)
    payload: bytes = octets(3)
    check: int = fixed32(4)
    epoch: int = varint(5)
    offset: int = varint(6)


@dataclass(frozen=True, slots=True)
class Voice:
    """What is to be done or has happened about speech (section 17): type 2 on channel 0."""

    type: ClassVar = FrameType.VOICE
    channel: int = 0
    action: int = varint(1)
    turn: int = varint(2)
    sequence: int = varint(3)
    rate: int = varint(4)
    style: int = varint(5)
    conversation: bytes = octets(6, size=16)
    stream: bytes = octets(7, size=16)
    text: str = string(8, limit=VOICE_TEXT_LIMIT)
    model: str = string(9, limit=128)
    language: str = string(10, limit=16)
    detail: str = string(11, limit=VOICE_TEXT_LIMIT)
    after: bytes = octets(12, size=16)


@dataclass(frozen=True, slots=True)
class Audio:
    """Samples of a turn (section 17): type 4 on channel 0. Each turn numbers its frames from 0."""

    type: ClassVar = FrameType.AUDIO
    turn: int
    sequence: int
    samples: bytes
    channel: int = 0


Frame: TypeAlias = (
    Hello
    | Welcome
    | Prompt
    | Open
    | Chunk
    | Piece
    | Tentative
    | Done
    | Fault
    | Ack
    | Control
    | Ping
    | Pong
    | LibraryNotice
    | Resume
    | Event
    | Publish
    | Voice
    | Audio
)

_FIELD_FRAMES: dict[FrameType, type] = {
    frame.type: frame
    for frame in (Hello, Welcome, Prompt, Open, Done, Fault, Control, LibraryNotice, Resume, Publish, Voice)
}
# First bytes that stand for speech.
_SPEECH = {(FrameType.VOICE & 15) << 4: FrameType.VOICE, (FrameType.AUDIO & 15) << 4: FrameType.AUDIO}
# Frames of the session itself stand on channel 0; those of one stream on another. FAULT, ACK, CONTROL may be both.
_ON_SESSION = frozenset({FrameType.HELLO, FrameType.WELCOME, FrameType.PING, FrameType.PONG, FrameType.LIBRARY})
_ON_STREAM = frozenset(
    {
        FrameType.PROMPT,
        FrameType.OPEN,
        FrameType.CHUNK,
        FrameType.CHUNKS,
        FrameType.PIECE,
        FrameType.DONE,
        FrameType.RESUME,
    }
)


def chunk_check(stream: bytes, epoch: int, offset: int, count: int, text: bytes) -> int:
    """Return the 16-bit check of a CHUNK frame (section 6). `text` is UTF-8."""
    head = stream + encode_varint(epoch) + encode_varint(offset) + encode_varint(count)
    return zlib.crc32(text, zlib.crc32(head)) & 0xFFFF


def encode_head(frame_type: FrameType, channel: int) -> bytes:
    """Return the first byte or bytes of a frame."""
    number = frame_type & 15
    if channel < 15:
        return bytes((number << 4 | channel,))
    return bytes((number << 4 | 15,)) + encode_varint(channel - 15)


def encode(frame: Frame) -> bytes:
    """Return the bytes of a frame."""
    if isinstance(frame, Chunk):
        count = b"" if frame.count == 1 else encode_varint(frame.count)
        head = encode_head(FrameType.CHUNK if frame.count == 1 else FrameType.CHUNKS, frame.channel)
        return head + count + frame.check.to_bytes(2, "little") + frame.payload
    head = encode_head(frame.type, frame.channel)
    if isinstance(frame, Tentative):
        return head + frame.check.to_bytes(2, "little") + frame.payload
    if isinstance(frame, Event):
        return head + encode_varint(frame.passed) + frame.check.to_bytes(2, "little") + frame.payload
    if isinstance(frame, Ack):
        return head + encode_varint(frame.offset) + encode_varint(frame.credit)
    if isinstance(frame, Ping | Pong | Piece):
        return head + frame.data
    if isinstance(frame, Audio):
        return head + encode_varint(frame.turn) + encode_varint(frame.sequence) + frame.samples
    return head + fields.encode(frame)


def decode(data: bytes) -> Frame:
    """Return the frame that `data` is. Raises FrameError when it is none."""
    if not data:
        raise FrameError("an empty message is not a frame")
    channel, position = data[0] & 15, 1
    if channel == 15:
        extra, position = _varint(data, 1)
        channel += extra
    try:
        frame_type = _SPEECH.get(data[0], FrameType(data[0] >> 4))
    except ValueError:
        raise FrameError(f"unknown frame type {data[0] >> 4}") from None
    if frame_type == FrameType.WELCOME and channel:
        frame_type = FrameType.TENTATIVE
    _check_channel(frame_type, channel)
    hot = _HOT_DECODERS.get(frame_type)
    if hot is not None and (channel or frame_type != FrameType.EVENT):
        return hot(data, position, channel)
    frame_class = _FIELD_FRAMES[frame_type]
    frame: Frame = frame_class(channel=channel, **fields.decode(frame_class, data, position))
    return frame


def _check_channel(frame_type: FrameType, channel: int) -> None:
    if channel > CHANNEL_LIMIT:
        raise FrameError(f"channel {channel} is over {CHANNEL_LIMIT}")
    if (channel and frame_type in _ON_SESSION) or (not channel and frame_type in _ON_STREAM):
        raise FrameError(f"{frame_type.name} cannot stand on channel {channel}")


def _decode_chunk(data: bytes, position: int, channel: int) -> Frame:
    count = 1
    if data[0] >> 4 == FrameType.CHUNKS:
        count, position = _varint(data, position)
        if not 2 <= count <= CHUNK_COUNT_LIMIT:
            raise FrameError(f"CHUNKS with a count of {count}")
    if len(data) < position + 3:
        raise FrameError("a chunk is cut short")
    check = int.from_bytes(data[position : position + 2], "little")
    return Chunk(channel, check, bytes(data[position + 2 :]), count)


def _decode_tentative(data: bytes, position: int, channel: int) -> Frame:
    if len(data) < position + 3:
        raise FrameError("a tentative text is cut short")
    return Tentative(channel, int.from_bytes(data[position : position + 2], "little"), bytes(data[position + 2 :]))


def _decode_piece(data: bytes, position: int, channel: int) -> Frame:
    return Piece(channel, bytes(data[position:]))


def _decode_event(data: bytes, position: int, channel: int) -> Frame:
    passed, position = _varint(data, position)
    if len(data) < position + 3:
        raise FrameError("an event is cut short")
    check = int.from_bytes(data[position : position + 2], "little")
    return Event(channel, passed, check, bytes(data[position + 2 :]))


def _decode_audio(data: bytes, position: int, _channel: int) -> Frame:
    turn, position = _varint(data, position)
    sequence, position = _varint(data, position)
    return Audio(turn, sequence, bytes(data[position:]))


def _decode_ack(data: bytes, position: int, channel: int) -> Frame:
    offset, position = _varint(data, position)
    credit, position = _varint(data, position)
    if position != len(data):
        raise FrameError("bytes behind an ACK")
    return Ack(channel, offset, credit)


def _decode_ping(data: bytes, position: int, _channel: int) -> Frame:
    if len(data) - position > 8:
        raise FrameError("a PING or PONG has more than 8 bytes")
    frame_class = Ping if data[0] >> 4 == FrameType.PING else Pong
    return frame_class(bytes(data[position:]))


_HOT_DECODERS: dict[FrameType, Callable[[bytes, int, int], Frame]] = {
    FrameType.CHUNK: _decode_chunk,
    FrameType.CHUNKS: _decode_chunk,
    FrameType.AUDIO: _decode_audio,
    FrameType.PIECE: _decode_piece,
    FrameType.TENTATIVE: _decode_tentative,
    FrameType.EVENT: _decode_event,
    FrameType.ACK: _decode_ack,
    FrameType.PING: _decode_ping,
    FrameType.PONG: _decode_ping,
}


def _varint(data: bytes, position: int) -> tuple[int, int]:
    try:
        return decode_varint(data, position)
    except CodecError as error:
        raise FrameError(f"bad number: {error}") from None
