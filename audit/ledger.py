"""Writing entries: numbers, subjects, seals, hashes, rows. Called by the journal inside its transaction."""

import os
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from audit import summaries, tracking, vault
from audit.records.chain import GENESIS, entry_hash
from audit.records.event import SYSTEM, Event, content_bytes
from audit.records.sealing import SALT_SIZE, content_hash, seal
from audit.vault import Owner, Vault

_ENTRY = '(seq, conversation_id, stream, epoch, "offset", kind, subject_id, at, content_hash, previous, hash)'
_CONTENT = "(entry_id, body)"
# Rows of one INSERT on SQLite. Each statement gives up Python's lock once and may wait long to get it back from a busy event
# loop, so a statement a row would be far slower than the database.
_SIZES = (128, 32, 8, 1)


def head(cursor: Any) -> tuple[int, bytes]:
    """Return number and hash of the newest entry."""
    cursor.execute("SELECT seq, hash FROM audit_entry ORDER BY seq DESC LIMIT 1")
    row = cursor.fetchone()
    return (row[0], bytes(row[1])) if row else (0, GENESIS)


def write(
    connection: Any, cursor: Any, keys: Vault, events: Sequence[Event], contents: Sequence[bytes]
) -> tuple[int, int]:
    """Write the events, and before them an entry for each new subject; return the numbers of the first and the last.

    `contents` are the bytes of their contents. The numbers are those of the given events.
    """
    owners, news = _owners(connection.alias, keys, events)
    events = [*news, *events]
    contents = [*(content_bytes(event.text, event.meta) for event in news), *contents]
    sequence, previous = head(cursor)
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
        body = seal(content, owner.key_id, owner.key, salts[number * SALT_SIZE : (number + 1) * SALT_SIZE])
        hashed = content_hash(body)
        kind, conversation, stream, subject = event.kind.value, event.conversation, event.stream, actor.subject
        own = entry_hash(
            previous, sequence, kind, conversation.bytes, stream.bytes, event.epoch, event.offset, subject.bytes,
            event.at, hashed,
        )  # fmt: skip
        if not native:
            conversation, stream, subject = conversation.hex, stream.hex, subject.hex  # type: ignore[assignment]
        entries.append(
            (sequence, conversation, stream, event.epoch, event.offset, kind, subject, event.at, hashed, previous, own)
        )
        bodies.append((sequence, body))
        previous = own
    _insert(connection, cursor, entries, bodies)
    summaries.write(connection, cursor, events)
    return first + len(news), sequence


def _insert(connection: Any, cursor: Any, entries: list[tuple[Any, ...]], bodies: list[tuple[int, bytes]]) -> None:
    if connection.vendor == "postgresql":
        # COPY takes half the time of INSERT.
        for table, rows in ((f"audit_entry {_ENTRY}", entries), (f"audit_content {_CONTENT}", bodies)):
            with connection.wrap_database_errors, cursor.cursor.copy(f"COPY {table} FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        return
    with connection.wrap_database_errors:
        for table, rows, width in ((f"audit_entry {_ENTRY}", entries, 11), (f"audit_content {_CONTENT}", bodies, 2)):
            for size, some in _chunks(rows):
                values = [value for row in some for value in row]
                connection.connection.execute(_statement(table, width, size), values)


def _chunks(rows: Sequence[tuple[Any, ...]]) -> Iterator[tuple[int, Sequence[tuple[Any, ...]]]]:
    """Yield the rows in chunks of few different sizes, so that few statements are ever prepared."""
    at = 0
    for size in _SIZES:
        while len(rows) - at >= size:
            yield size, rows[at : at + size]
            at += size


@cache
def _statement(table: str, width: int, rows: int) -> str:
    row = "(" + ", ".join("?" * width) + ")"
    return f"INSERT INTO {table} VALUES {', '.join([row] * rows)}"


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
