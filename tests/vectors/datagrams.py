"""Makes datagrams.json: `python -m tests.vectors.datagrams`. The file is committed; a test compares it with the code."""

import json
from pathlib import Path
from typing import Any

from streaming.protocol.datagrams import cut

FILE = Path(__file__).with_name("datagrams.json")
LIMIT = 2_000


def bytes_of(size: int) -> bytes:
    """Return bytes that differ from place to place."""
    return bytes(number * 7 % 251 for number in range(size))


# Name, number, bytes of the message, bytes of a datagram.
CUT = [
    ("nothing", 0, 0, 1_150),
    ("one byte", 0, 1, 1_150),
    ("just one datagram", 5, 1_148, 1_150),
    ("one byte more", 5, 1_149, 1_150),
    ("a number of two bytes", 128, 1_500, 600),
    ("three parts", 9, 1_700, 600),
    ("a large number", 2**53 - 1, 400, 300),
]
# Name, datagrams one after the other; the last one is refused.
INVALID = [
    ("nothing", [b""]),
    ("no part", [b"\x00"]),
    ("a number longer than needed", [b"\x80\x00\x01a"]),
    ("too far ahead", [b"\x40\x01a"]),
    ("a short part that another one follows", [b"\x00\x00" + bytes_of(255)]),
    ("two last parts", [b"\x00\x03a", b"\x00\x05b"]),
    ("a part behind the last one", [b"\x00\x03a", b"\x00\x04" + bytes_of(256)]),
    ("a last part before one that came", [b"\x00\x04" + bytes_of(256), b"\x00\x03a"]),
    ("a part that cannot be", [b"\x00\x11a"]),
    ("more than the limit", [b"\x00\x00" + bytes_of(1_000), b"\x01\x00" + bytes_of(1_001)]),
]


def make() -> dict[str, Any]:
    """Return what the file holds."""
    return {
        "limit": LIMIT,
        "cut": [
            {
                "name": name,
                "number": number,
                "size": size,
                "message": bytes_of(length).hex(),
                "datagrams": [part.hex() for part in cut(number, bytes_of(length), size)],
            }
            for name, number, length, size in CUT
        ],
        "invalid": [{"name": name, "datagrams": [part.hex() for part in parts]} for name, parts in INVALID],
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(make(), indent=1) + "\n")
