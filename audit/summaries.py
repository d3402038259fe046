"""Summaries of turns, written in the journal's transaction so that they always fit the ledger."""

from collections.abc import Iterable
from dataclasses import fields
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

from audit.records.event import SUMMED, Event, Kind
from audit.records.summary import Summary, apply, begin

COLUMNS = tuple(field.name if field.name != "conversation" else "conversation_id" for field in fields(Summary))
_values = attrgetter(*(field.name for field in fields(Summary)))
_LIST = ", ".join(COLUMNS)
_UPSERT = (
    f"INSERT INTO audit_summary ({_LIST}) VALUES ({', '.join(['%s'] * len(COLUMNS))}) ON CONFLICT (stream) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in COLUMNS[1:])
)
_TOUCH = "UPDATE audit_conversation SET updated = %s WHERE id = %s"


def write(connection: Any, cursor: Any, events: Iterable[Event]) -> None:
    """Bring the summaries and the times of the conversations up to the events, which are being written."""
    summed = [event for event in events if event.kind in SUMMED]
    if not summed:
        return
    native = connection.features.has_native_uuid_field
    # A question begins its stream: there is no summary to be looked for.
    begun = {event.stream for event in summed if event.kind == Kind.PROMPT}
    found = _existing(cursor, {_key(event.stream, native) for event in summed if event.stream not in begun})
    touched: dict[UUID, int] = {}
    for event in summed:
        summary = found.get(event.stream)
        if summary is None:
            summary = found[event.stream] = begin(event)
        apply(summary, event)
        if event.kind == Kind.PROMPT:
            touched[event.conversation] = event.at
    rows = []
    for summary in found.values():
        stream, conversation, *rest = _values(summary)
        rows.append((_key(stream, native), _key(conversation, native), *rest))
    cursor.executemany(_UPSERT, rows)
    adapt = connection.ops.adapt_datetimefield_value
    cursor.executemany(_TOUCH, [(adapt(moment(at)), _key(who, native)) for who, at in touched.items()])


def moment(at: int) -> datetime:
    """Return the time of an entry."""
    return datetime.fromtimestamp(at // 1_000_000, UTC).replace(microsecond=at % 1_000_000)


def read(rows: Iterable[tuple[Any, ...]]) -> dict[UUID, Summary]:
    """Return summaries by their streams, from rows of COLUMNS."""
    found = (Summary(_uuid(row[0]), _uuid(row[1]), *row[2:]) for row in rows)
    return {summary.stream: summary for summary in found}


def _existing(cursor: Any, streams: set[Any]) -> dict[UUID, Summary]:
    if not streams:
        return {}
    places = ", ".join(["%s"] * len(streams))
    cursor.execute(f"SELECT {_LIST} FROM audit_summary WHERE stream IN ({places})", list(streams))
    return read(cursor.fetchall())


def _key(value: UUID, native: bool) -> Any:
    return value if native else value.hex


def _uuid(value: Any) -> UUID:
    return value if isinstance(value, UUID) else UUID(hex=value)
