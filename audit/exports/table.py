"""Exports as JSON Lines and as CSV."""

import csv
import io
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from audit.exports.bundle import Record

COLUMNS = (
    "seq", "time", "kind", "conversation", "stream", "epoch", "offset", "actor", "text", "meta", "erased",
)  # fmt: skip
# A cell that begins so is a formula to a spreadsheet.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def json_lines(records: "list[Record]", title: str) -> bytes:
    """Return one JSON object a line, in the order of the record."""
    return b"".join(orjson.dumps(_plain(record)) + b"\n" for record in records)


def comma_separated(records: "list[Record]", title: str) -> bytes:
    """Return a CSV of RFC 4180 in UTF-8 with a byte order mark, which spreadsheets need.

    A text that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    for record in records:
        row = _plain(record)
        row["meta"] = orjson.dumps(row["meta"], option=orjson.OPT_SORT_KEYS).decode() if row["meta"] else ""
        writer.writerow([_cell(row[name]) for name in COLUMNS])
    return b"\xef\xbb\xbf" + buffer.getvalue().encode()


def _plain(record: "Record") -> dict[str, Any]:
    entry, event = record.entry, record.event
    return {
        "seq": entry.seq,
        "time": record.when,
        "kind": entry.kind,
        "conversation": str(entry.conversation_id),
        "stream": str(entry.stream),
        "epoch": entry.epoch,
        "offset": entry.offset,
        "actor": entry.subject.name or str(entry.subject_id),
        "text": event.text if event is not None else "",
        "meta": dict(event.meta) if event is not None else {},
        "erased": event is None,
    }


def _cell(value: Any) -> Any:
    return "'" + value if isinstance(value, str) and value.startswith(_FORMULA) else value
