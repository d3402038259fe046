"""The hash chain of a journal: each entry's hash covers its bytes and the hash of the entry before."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

GENESIS = bytes(32)
_DOMAIN = b"aura.entry/1\0"


def link(previous: bytes, entry: bytes) -> bytes:
    """Return the hash of an entry: SHA-256 of a domain, the hash before it (32 bytes) and its canonical bytes."""
    return hashlib.sha256(_DOMAIN + previous + entry).digest()


@dataclass(frozen=True, slots=True)
class Row:
    """What the journal holds of one entry: the hashes as stored, and its bytes and content hash as recomputed."""

    sequence: int
    entry: bytes
    previous: bytes
    hash: bytes
    content_stored: bytes
    content_found: bytes | None


@dataclass(frozen=True, slots=True)
class Problem:
    """The first bad entry and what is wrong with it."""

    sequence: int
    what: str


class Verifier:
    """Checks rows in the order of the journal; stops at the first problem."""

    def __init__(self, *, sequence: int = 0, previous: bytes = GENESIS) -> None:
        self.sequence = sequence
        self.previous = previous

    def check(self, rows: Iterable[Row]) -> Problem | None:
        """Return the first problem in `rows`, None when they continue the chain."""
        for row in rows:
            what = self._problem(row)
            if what:
                return Problem(row.sequence, what)
            self.sequence = row.sequence
            self.previous = row.hash
        return None

    def _problem(self, row: Row) -> str:
        if row.sequence != self.sequence + 1:
            return f"entries from {self.sequence + 1} to {row.sequence - 1} are missing"
        if row.previous != self.previous:
            return "it does not follow the entry before"
        if row.content_found is None:
            return "its content is missing"
        if row.content_found != row.content_stored:
            return "its content was changed"
        if link(row.previous, row.entry) != row.hash:
            return "it was changed"
        return ""
