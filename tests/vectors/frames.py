"""Makes frames.json: `python -m tests.vectors.frames`. The file is committed; a test compares it with the code."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from streaming.protocol import frames
from streaming.protocol.frames import Frame

FILE = Path(__file__).with_name("frames.json")
STREAM = bytes(range(16))
CONVERSATION = bytes(range(16, 32))
LIBRARY = bytes(range(32, 64))
PNG = b"\x89PNG\r\n\x1a\n"
HELLO_PAYLOAD = b"\x00Hello!"

VALID: list[tuple[str, Frame]] = [
    ("hello, least", frames.Hello(version=(1,))),
    (
        "hello, everything",
        frames.Hello(0, (1, 2), 2, 65_536, (LIBRARY, bytes(32)), "browser"),
    ),
    ("hello, no version", frames.Hello()),
    ("welcome", frames.Welcome(0, 1, STREAM, 30_000, 262_144, LIBRARY, 1)),
    ("welcome without library", frames.Welcome(0, 1, STREAM, 30_000, 262_144)),
    ("prompt", frames.Prompt(1, STREAM, CONVERSATION, HELLO_PAYLOAD, 0xFFFFFFFF, "fast")),
    ("prompt, small", frames.Prompt(1, STREAM, payload=b"\x00", check=0)),
    ("open", frames.Open(1, STREAM, 1, 0, CONVERSATION)),
    ("open, large offset", frames.Open(65_535, STREAM, 3, 2**53 - 1, CONVERSATION)),
    ("chunk", frames.Chunk(1, frames.chunk_check(STREAM, 1, 0, 1, b"Hello!"), HELLO_PAYLOAD)),
    ("chunk, highest short channel", frames.Chunk(14, 0, b"\x00a")),
    ("chunk, lowest long channel", frames.Chunk(15, 0xABCD, b"\x00a")),
    ("chunk, channel of two more bytes", frames.Chunk(300, 0xABCD, b"\x00a")),
    ("chunks", frames.Chunk(2, frames.chunk_check(STREAM, 1, 7, 3, b"Hello!"), HELLO_PAYLOAD, 3)),
    ("hello, with pieces", frames.Hello(version=(1,), mode=2, pieces=1)),
    ("open, with pieces", frames.Open(1, STREAM, 1, 0, CONVERSATION, 1)),
    ("piece", frames.Piece(1, b"\x9c")),
    ("piece with a check", frames.Piece(300, b"\xab\x9c\x01")),
    ("piece that has no bytes", frames.Piece(1, b"")),
    ("hello, with tentative text", frames.Hello(version=(1,), tentative=1)),
    ("tentative", frames.Tentative(1, frames.chunk_check(STREAM, 1, 7, 0, b"Hello!"), HELLO_PAYLOAD)),
    ("tentative, taken back", frames.Tentative(300, 0xABCD, b"\x00")),
    ("done", frames.Done(1, 12, 0x12345678, 0, "smollm2-135m", "nano", 20, 40, 1_500, 120, 900)),
    ("done, cancelled at once", frames.Done(1, 0, 0, 2)),
    ("fault of a stream", frames.Fault(1, 12, "The model broke off.", 1, 0, 8)),
    ("fault of the session", frames.Fault(0, 8, "Too fast: تمهّل", 1, 2_000)),
    ("fault of a publication", frames.Fault(0, 8, "Too fast.", 1, 100, id=STREAM)),
    ("ack with credit", frames.Ack(1, 9, 65_536)),
    ("credit alone", frames.Ack(0, 0, 262_144)),
    ("cancel", frames.Control(1, 3)),
    ("mode of all", frames.Control(0, 4, 2)),
    ("ping", frames.Ping(b"\x01\x02")),
    ("ping, empty", frames.Ping()),
    ("pong", frames.Pong(b"\x01\x02\x03\x04\x05\x06\x07\x08")),
    ("library offer", frames.LibraryNotice(0, 1, 1, LIBRARY)),
    ("library ack", frames.LibraryNotice(0, 2, 1)),
    ("resume", frames.Resume(3, STREAM, 1, 42)),
    ("resume, epoch unknown", frames.Resume(3, STREAM)),
    ("resume, urgent", frames.Resume(3, STREAM, 1, 42, priority=1)),
    ("prompt, in no hurry", frames.Prompt(1, STREAM, CONVERSATION, HELLO_PAYLOAD, 1, priority=2)),
    ("prompt, in the place of another", frames.Prompt(1, STREAM, CONVERSATION, HELLO_PAYLOAD, 1, after=LIBRARY[:16])),
    ("prompt, at the beginning", frames.Prompt(1, STREAM, CONVERSATION, HELLO_PAYLOAD, 1, after=bytes(16))),
    ("prompt, with pictures", frames.Prompt(1, STREAM, payload=HELLO_PAYLOAD, check=1, picture=(PNG, b"\xff\xd8\xff"))),
    ("subscription", frames.Resume(4, b"", topic="shop/orders")),
    (
        "subscription, everything",
        frames.Resume(4, b"", 1, 9, "shop/orders", '{"kind": "paid"}', 1, "billing", 2),
    ),
    ("event", frames.Event(4, 0, frames.chunk_check(STREAM, 1, 0, 1, b"{}"), b"\x00{}")),
    ("event after others that were left out", frames.Event(4, 300, 0xABCD, b"\x00{}")),
    ("publication", frames.Publish(0, STREAM, "shop/orders", b'\x00{"data": 1}', 0x12345678)),
    ("voice, listen", frames.Voice(action=1, rate=16_000, conversation=CONVERSATION, model="fast", language="en")),
    ("voice, listen on another branch", frames.Voice(action=1, rate=16_000, after=STREAM)),
    ("voice, transcript", frames.Voice(action=19, turn=3, stream=STREAM, text="Wie geht es? كيف حالك؟", detail="{}")),
    ("voice, nothing", frames.Voice()),
    ("audio", frames.Audio(1, 300, b"\x00\x01\xff\x7f")),
    ("audio without samples", frames.Audio(0, 0, b"")),
    ("barge-in", frames.Control(0, 5)),
    ("receipt of a publication", frames.Publish(0, STREAM, epoch=1, offset=12)),
]

# Bytes that a decoder takes though an encoder would not write them so.
ACCEPTED: list[tuple[str, str, Frame]] = [
    ("unknown fields of every kind", "00 08 01 78 05 7a 02 ab cd 7d 01 02 03 04", frames.Hello(version=(1,))),
    ("fields out of order", "81 10 02 08 04", frames.Control(1, 4, 2)),
]

INVALID: list[tuple[str, str]] = [
    ("nothing", ""),
    ("piece on channel 0", "c0 9c"),
    ("tentative without anything", "11"),
    ("tentative cut in its check", "11 12"),
    ("tentative without payload", "11 12 34"),
    ("event without anything", "d1"),
    ("event cut in its check", "d1 00 12"),
    ("event without payload", "d1 00 12 34"),
    ("event, number over 2^53 - 1", "d1 ff ff ff ff ff ff ff 1f 12 34 00 7b"),
    ("publication with a short id", "d0 0a 04 00 00 00 00"),
    ("hello on a channel", "01 08 01"),
    ("ping on a channel", "91"),
    ("audio without a sequence", "40 03"),
    ("voice with a short conversation", "20 32 01 00"),
    ("resume on channel 0", "f0"),
    ("long channel cut short", "4f"),
    ("long channel, overlong number", "4f 80 00 00 00 00 61"),
    ("channel over 65535", "4f f1 ff 03 00 00 00 61"),
    ("chunk without payload", "41 12 34"),
    ("chunk cut in its check", "41 12"),
    ("chunks of one", "e1 01 12 34 00 61"),
    ("chunks of none", "e1 00 12 34 00 61"),
    ("chunks of too many", "e1 81 80 40 12 34 00 61"),
    ("ack cut short", "71 09"),
    ("ack with more behind", "71 09 01 00"),
    ("ack, number over 2^53 - 1", "71 ff ff ff ff ff ff ff 1f 00"),
    ("ping of nine bytes", "90" + "00" * 9),
    ("field cut short", "21 0a 10 00"),
    ("field with a number missing", "81 08"),
    ("field of unknown kind 1", "81 09 00 00 00 00 00 00 00 00"),
    ("field of unknown kind 7", "81 0f 00"),
    ("field of the wrong kind", "81 0a 01 03"),
    ("field given twice", "81 08 01 08 02"),
    ("stream of 15 bytes", "21 0a 0f" + "00" * 15),
    ("prompt behind a stream of 15 bytes", "21 3a 0f" + "00" * 15),
    ("model that is not UTF-8", "21 2a 01 ff"),
    ("message over 512 bytes", "61 12 81 04" + "61" * 513),
    ("33 versions", "00" + "08 01" * 33),
    ("fixed32 cut short", "21 25 00 00 00"),
]


def plain(frame: Frame) -> dict[str, Any]:
    """Return a frame as JSON can hold it."""

    def value(item: Any) -> Any:
        if isinstance(item, bytes):
            return item.hex()
        return [value(part) for part in item] if isinstance(item, tuple) else item

    names = [field.name for field in dataclasses.fields(frame)]
    return {"type": frame.type.name.lower()} | {name: value(getattr(frame, name)) for name in names}


def make() -> dict[str, Any]:
    """Return the content of the file."""
    accepted = [{"name": n, "hex": h.replace(" ", ""), "frame": plain(f)} for n, h, f in ACCEPTED]
    return {
        "valid": [{"name": n, "hex": frames.encode(f).hex(), "frame": plain(f)} for n, f in VALID],
        "accepted": accepted,
        "invalid": [{"name": n, "hex": h.replace(" ", "")} for n, h in INVALID],
    }


def main() -> None:
    FILE.write_text(json.dumps(make(), indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
