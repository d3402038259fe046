"""Writing entries: numbers, subjects, seals, hashes, rows. Called by the journal inside its transaction.

On PostgreSQL a transaction is two trips to the server, however many events it has: `begin` takes the lock and reads where
the ledger ends, `write` sends everything and the COMMIT. On each trip the writer gives up Python's lock, and has to get it
back from a busy event loop.
"""

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any, NamedTuple

from audit import summaries, tracking, vault
from audit.records.chain import GENESIS, entry_hash, place_of
from audit.records.event import SYSTEM, Event, content_bytes
from audit.records.sealing import SALT_SIZE, content_hash, seal
from audit.vault import Owner, Vault

# One writer at a time on PostgreSQL, whatever process it is in: the key of an advisory lock ("AURA" in ASCII).
ADVISORY_LOCK = 0x41555241

_ENTRY = 'seq, conversation_id, stream, epoch, "offset", kind, subject_id, at, content_hash, previous, hash'
_CONTENT = "entry_id, body"
_HEAD = "SELECT seq, hash FROM audit_entry ORDER BY seq DESC LIMIT 1"
# Both tables by one statement, a parameter a column. COPY costs the same, and two trips a table.
_POSTGRESQL = f"""
WITH given AS (SELECT * FROM unnest(
    %b::bigint[], %b::uuid[], %b::uuid[], %b::integer[], %b::bigint[], %b::text[], %b::uuid[], %b::bigint[], %b::bytea[],
    %b::bytea[], %b::bytea[], %b::bytea[]) AS given ({_ENTRY}, body)),
entries AS (INSERT INTO audit_entry ({_ENTRY}) SELECT {_ENTRY} FROM given)
INSERT INTO audit_content ({_CONTENT}) SELECT seq, body FROM given"""
# Rows of one INSERT on SQLite at most. A statement gives up Python's lock and may wait long to get it back from a busy event
# loop: so all rows of a table are one.
_ROWS = 1_024


class End(NamedTuple):
    """Where the ledger ends: number and hash of its newest entry."""

    sequence: int
    hash: bytes


def begin(connection: Any, cursor: Any, keys: Vault) -> End:
    """Have the ledger to oneself until the transaction ends; return where it ends. `keys` forget what is no longer so."""
    with connection.wrap_database_errors, _together(connection):
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ADVISORY_LOCK])
        # A statement of its own, behind the lock: it must see what the writer before has committed.
        cursor.execute(
            f"SELECT seq, hash, version FROM (SELECT 1) one LEFT JOIN ({_HEAD}) newest ON 1 = 1"
            " LEFT JOIN audit_vaultstate ON 1 = 1"
        )
        sequence, value, version = cursor.fetchone()
    keys.refresh(version or 0)
    return End(sequence, bytes(value)) if sequence else End(0, GENESIS)


def end(cursor: Any) -> End:
    """Return where the ledger ends."""
    cursor.execute(_HEAD)
    row = cursor.fetchone()
    return End(row[0], bytes(row[1])) if row else End(0, GENESIS)


def write(
    connection: Any,
    cursor: Any,
    keys: Vault,
    events: Sequence[Event],
    contents: Sequence[bytes],
    *,
    before: End,
    commit: bool = False,
) -> int:
    """Write the events, and before them an entry for each new subject; return the number of the first of the events.

    `contents` are the bytes of their contents, `before` is where the ledger ends. With `commit` nothing comes behind them in
    this transaction.
    """
    owners, news = _owners(connection.alias, keys, events)
    events = [*news, *events]
    contents = [*(content_bytes(event.text, event.meta) for event in news), *contents]
    sequence, previous = before
    first = sequence + 1
    native = connection.features.has_native_uuid_field
    entries: list[tuple[Any, ...]] = []
    bodies: list[tuple[int, bytes]] = []
    salts = os.urandom(SALT_SIZE * len(events))
    record = owners[tracking.RECORD_NAME]
    for number, (event, content) in enumerate(zip(events, contents, strict=True)):
        sequence += 1
        actor = owners[event.actor]
        owner = record if event.kind in SYSTEM else actor
        kind, conversation, stream, subject = event.kind.value, event.conversation, event.stream, actor.subject
        place = place_of(
            previous,
            sequence,
            kind,
            conversation.bytes,
            stream.bytes,
            event.epoch,
            event.offset,
            subject.bytes,
            event.at,
        )
        salt = salts[number * SALT_SIZE : (number + 1) * SALT_SIZE]
        body = seal(content, owner.key_id, owner.key, salt, place)
        hashed = content_hash(body)
        own = entry_hash(place, hashed)
        if not native:
            conversation, stream, subject = conversation.hex, stream.hex, subject.hex  # type: ignore[assignment]
        entries.append(
            (sequence, conversation, stream, event.epoch, event.offset, kind, subject, event.at, hashed, previous, own)
        )
        bodies.append((sequence, body))
        previous = own
    with connection.wrap_database_errors, _together(connection):
        _insert(connection, entries, bodies)
        summaries.write(connection, cursor, events)
        if commit and connection.vendor == "postgresql":
            # What Django does at the end of the transaction finds it done.
            connection.connection.commit()
    return first + len(news)


def _together(connection: Any) -> AbstractContextManager[Any]:
    """Send statements without waiting for the answer of each: errors come at the latest at the end."""
    return connection.connection.pipeline() if connection.vendor == "postgresql" else nullcontext()


def _insert(connection: Any, entries: list[tuple[Any, ...]], bodies: list[tuple[int, bytes]]) -> None:
    if connection.vendor == "postgresql":
        # Not Django's cursor, which would write the values into the statement.
        with connection.Database.Cursor(connection.connection) as cursor:
            cursor.execute(_POSTGRESQL, [*map(list, zip(*entries, strict=True)), [body for _, body in bodies]])
        return
    for table, rows, width in ((f"audit_entry ({_ENTRY})", entries, 11), (f"audit_content ({_CONTENT})", bodies, 2)):
        for at in range(0, len(rows), _ROWS):
            some = rows[at : at + _ROWS]
            # The next power of two: so few statements are ever prepared, and a number without a value is no row.
            size = 1 << (len(some) - 1).bit_length()
            values = [value for row in some for value in row]
            values += [None] * (width * (size - len(some)))
            connection.connection.execute(_statement(table, width, size), values)


@cache
def _statement(table: str, width: int, rows: int) -> str:
    row = "(" + ", ".join("?" * width) + ")"
    given = ", ".join([row] * rows)
    return f"INSERT INTO {table} SELECT * FROM (VALUES {given}) WHERE column1 IS NOT NULL"


def _owners(alias: str, keys: Vault, events: Sequence[Event]) -> tuple[dict[str, Owner], list[Event]]:
    """Return the owners of all names, the record's own among them, and the entries for those made anew."""
    rows: list[list[str | None]] = []
    owners: dict[str, Owner] = {}
    for name in {tracking.RECORD_NAME, *(event.actor for event in events)}:
        owner = keys.find(name)
        if owner is None:
            subject, made = vault.new_subject(name)
            rows += [tracking.save(subject, alias), *(tracking.save(key, alias) for key in made)]
            owner = keys.find(name)
            assert owner is not None
        owners[name] = owner
    return owners, [tracking.state(rows, "keys were made for new subjects")] if rows else []
