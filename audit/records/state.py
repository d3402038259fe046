"""Digests of table rows: what the ledger says of the rows that stand beside it."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from operator import itemgetter
from uuid import UUID

import orjson

DIGEST_SIZE = 16


def digest(table: str, values: Iterable[tuple[str, object]]) -> str:
    """Return the digest of a row, from its columns' names and values: 32 hexadecimal digits.

    Empty columns do not count, so that a table may get another column one day. Raises
    TypeError for a value of a kind that no column has.
    """
    present = ((name, _plain(value)) for name, value in values if value not in (None, "", b""))
    found = sorted(present, key=itemgetter(0))
    data = orjson.dumps([table, found])
    return hashlib.sha256(b"aura.row/1\0" + data).hexdigest()[: 2 * DIGEST_SIZE]


def _plain(value: object) -> object:
    """Return the value as JSON has it, the same whatever database it came from."""
    match value:
        case None | bool() | int() | str():
            return value
        case UUID():
            return value.hex
        case bytes() | bytearray() | memoryview():
            return bytes(value).hex()
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="microseconds")
        case date():
            return value.isoformat()
        case Decimal():
            return str(value.normalize())
    raise TypeError(f"no digest for {type(value).__name__}")
