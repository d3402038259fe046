"""The hash chain of the journal, whose hashes are the leaves of its Merkle tree too.

The hash of an entry is SHA-256(00 | `aura.entry/2` 00 | hash before | number | kind | ... ): RFC 6962's leaf hash (section
2.1) of bytes that cover every column and the hash of the entry before.
"""

import hashlib
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from audit.records.event import Kind

GENESIS = bytes(32)
_PREFIX = b"\0aura.entry/2\0"
_PLACE = struct.Struct(">32sq8s16s16siq16sq")
_pack = _PLACE.pack
_sha256 = hashlib.sha256
_KINDS = frozenset(kind.value for kind in Kind)


def place_of(  # noqa: PLR0913, PLR0917 - the columns, each by itself
    previous: bytes,
    sequence: int,
    kind: str,
    conversation: bytes,
    stream: bytes,
    epoch: int,
    offset: int,
    subject: bytes,
    at: int,
) -> bytes:
    """Return the bytes of all that the ledger says of an entry but its content. They are what its content is sealed to.

    `previous` is a hash of 32 bytes, `conversation`, `stream` and `subject` are UUIDs of 16.
    """
    return _pack(previous, sequence, kind.encode(), conversation, stream, epoch, offset, subject, at)


def leaf_data(place: bytes, content: bytes) -> bytes:
    """Return the bytes that an entry's hash covers, without RFC 6962's leading zero; `content` is a hash of 32 bytes."""
    return _PREFIX[1:] + place + content


def entry_hash(place: bytes, content: bytes) -> bytes:
    """Return the hash of an entry."""
    return _sha256(_PREFIX + place + content).digest()


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

    @property
    def place(self) -> bytes:
        """What the content is sealed to."""
        return place_of(self.previous, *self[:8])


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
        # What the content of the last good row is sealed to.
        self.place = b""

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
        if row.kind not in _KINDS:
            # Zeros behind the name of a kind would give the same bytes, and hide the entry from whoever asks for that kind.
            return "it was changed"
        try:
            place = _pack(
                row.previous, sequence, row.kind.encode(), row.conversation, row.stream, row.epoch, row.offset, row.subject,
                row.at,
            )  # fmt: skip
            good = _sha256(_PREFIX + place + row.content).digest() == row.hash
        except (struct.error, TypeError):
            good = False
        if not good:
            return "it was changed"
        self.sequence = sequence
        self.previous = row.hash
        self.place = place
        return ""
