"""The hash chain of the journal, whose hashes are the leaves of its Merkle tree too.

The hash of an entry is SHA-256(00 | `aura.entry/2` 00 | hash before | number | kind | ... ): RFC 6962's leaf hash (section
2.1) of bytes that cover every column and the hash of the entry before.
"""

import hashlib
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

GENESIS = bytes(32)
_PREFIX = b"\0aura.entry/2\0"
_ENTRY = struct.Struct(">32sq8s16s16siq16sq32s")
_pack = _ENTRY.pack
_sha256 = hashlib.sha256


def leaf_data(  # noqa: PLR0913, PLR0917 - the columns, each by itself
    previous: bytes,
    sequence: int,
    kind: str,
    conversation: bytes,
    stream: bytes,
    epoch: int,
    offset: int,
    subject: bytes,
    at: int,
    content: bytes,
) -> bytes:
    """Return the bytes that an entry's hash covers, without RFC 6962's leading zero.

    `previous` and `content` are hashes of 32 bytes, `conversation`, `stream` and `subject` UUIDs of 16.
    """
    return _PREFIX[1:] + _pack(
        previous, sequence, kind.encode(), conversation, stream, epoch, offset, subject, at, content
    )


def entry_hash(  # noqa: PLR0913, PLR0917
    previous: bytes,
    sequence: int,
    kind: str,
    conversation: bytes,
    stream: bytes,
    epoch: int,
    offset: int,
    subject: bytes,
    at: int,
    content: bytes,
) -> bytes:
    """Return the hash of an entry; the arguments are those of `leaf_data`."""
    return _sha256(
        _PREFIX + _pack(previous, sequence, kind.encode(), conversation, stream, epoch, offset, subject, at, content)
    ).digest()


class Row(NamedTuple):
    """What the ledger holds of one entry, in the order of its columns; UUIDs as 16 bytes."""

    sequence: int
    kind: str
    conversation: bytes
    stream: bytes
    epoch: int
    offset: int
    subject: bytes
    at: int
    content: bytes
    previous: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and with which record: an entry's number, or 0 for what stands in another table."""

    sequence: int
    what: str

    def __str__(self) -> str:
        return f"Entry {self.sequence} is bad: {self.what}" if self.sequence else f"The record is bad: {self.what}"


class Verifier:
    """Checks rows in the order of the journal; stops at the first problem."""

    def __init__(self, *, sequence: int = 0, previous: bytes = GENESIS) -> None:
        self.sequence = sequence
        self.previous = previous

    def check(self, rows: Iterable[Row]) -> Problem | None:
        """Return the first problem in `rows`, None when they continue the chain."""
        for row in rows:
            what = self.problem(row)
            if what:
                return Problem(row.sequence, what)
        return None

    def problem(self, row: Row) -> str:
        """Return what is wrong with the next row, empty for nothing."""
        sequence = row.sequence
        if sequence != self.sequence + 1:
            return f"entries from {self.sequence + 1} to {sequence - 1} are missing"
        if row.previous != self.previous:
            return "it does not follow the entry before"
        kind = row.kind.encode()
        try:
            data = _PREFIX + _pack(
                row.previous, sequence, kind, row.conversation, row.stream, row.epoch, row.offset, row.subject, row.at,
                row.content,
            )  # fmt: skip
        except struct.error:
            return "it was changed"
        if len(kind) > 8 or _sha256(data).digest() != row.hash:
            return "it was changed"
        self.sequence = sequence
        self.previous = row.hash
        return ""
