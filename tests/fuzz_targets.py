"""What is fuzzed (tests/fuzz.py): everything of the codec and the protocol that reads bytes of a stranger."""

from collections.abc import Callable
from typing import Final

from compression.codec import (
    CodecError,
    CompressionMethod,
    Library,
    LibraryError,
    Model,
    Piece,
    decode,
    default_library,
    encode,
)
from streaming.protocol import frames
from streaming.protocol.datagrams import Joiner
from streaming.protocol.errors import FrameError
from streaming.protocol.json_form import JsonForm
from tests.vectors import frames as frame_vectors
from tests.vectors.model import DICTIONARY

LIMIT: Final = 4096
_MODEL: Final = Model(DICTIONARY.encode())
_LIBRARY: Final = default_library()


def payload(data: bytes) -> None:
    """A payload is refused, or a text within the limit; a model's code is the only one of its text."""
    try:
        text = decode(data, {1: _LIBRARY}, LIMIT, {1: _MODEL})
    except CodecError:
        return
    assert len(text.encode()) <= LIMIT
    assert decode(encode(text, _LIBRARY, 1, _MODEL).data, {1: _LIBRARY}, LIMIT, {1: _MODEL}) == text
    if data[0] & 7 == CompressionMethod.MODEL:
        assert _MODEL.encode(text.encode()) == data[1:]


def pieces(data: bytes) -> None:
    """The pieces of a text, each behind a byte with its length and way, are texts within the limit or refused."""
    reader = _MODEL.reader()
    while data:
        size, how = data[0] >> 2, Piece(min(data[0] & 3, 2))
        try:
            assert len(reader.get(data[1 : 1 + size], how, LIMIT)) <= LIMIT
        except CodecError:
            return
        data = data[1 + size :]


def manifest(data: bytes) -> None:
    """A library's manifest is refused, or a library whose own manifest reads the same."""
    try:
        library = Library.from_manifest(data)
    except LibraryError:
        return
    assert Library.from_manifest(library.manifest) == library


def frame(data: bytes) -> None:
    """A frame is refused, or it is coded to one that reads the same."""
    try:
        found = frames.decode(data)
    except FrameError:
        return
    assert frames.decode(frames.encode(found)) == found


def json_frame(data: bytes) -> None:
    """A message in JSON is refused, or a frame."""
    try:
        JsonForm(lambda: b"0123456789abcdef").decode(data.decode(errors="replace"))
    except FrameError:
        return


def datagrams(data: bytes) -> None:
    """Datagrams, each behind a byte with its length, give messages within the limit."""
    joiner = Joiner(LIMIT)
    while data:
        size = data[0]
        try:
            for message in joiner.receive(data[1 : 1 + size]):
                assert len(message) <= LIMIT
        except FrameError:
            return
        data = data[1 + size :]


def fault(data: bytes) -> None:
    """A target with a fault, to see that it is found."""
    assert data[:2] != b"AU"


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    "payload": payload,
    "pieces": pieces,
    "manifest": manifest,
    "frame": frame,
    "json": json_frame,
    "datagrams": datagrams,
    "fault": fault,
}
_TEXT: Final = "Your order has been packed. Hello again."
#: Where a run begins: bytes of which each is something.
SEEDS: Final[dict[str, list[bytes]]] = {
    "payload": [
        encode(_TEXT).data,
        encode(_TEXT, None, 1, _MODEL).data,
        encode("Hello! How can I help you today?", _LIBRARY, 1).data,
        encode("0123456789" * 20).data,
    ],
    "pieces": [b"".join(bytes((len(code) << 2,)) + code for code in map(_MODEL.writer().put, (b"Your", b" order")))],
    "manifest": [_LIBRARY.manifest],
    "frame": [frames.encode(vector) for _, vector in frame_vectors.VALID],
    "json": [
        b'{"type": "prompt", "text": "Hello", "model": "auto", "channel": 3}',
        b'{"type": "hello", "mode": "token", "version": [1], "library": "00"}',
        b'{"type": "resume", "stream": "000102030405060708090a0b0c0d0e0f", "channel": 1}',
        b'{"type": "subscribe", "topic": "a", "filter": {"kind": "b"}}',
        b'{"type": "publish", "topic": "a", "id": "000102030405060708090a0b0c0d0e0f", "kind": "b", "data": [1]}',
    ],
}
