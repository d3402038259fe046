"""Results as Server-Sent Events (WHATWG HTML, section 9.2)."""

from dataclasses import dataclass
from typing import Any

import orjson

from streaming.datasets.pace import Shape
from streaming.datasets.payload import Codec, coded, dump
from streaming.datasets.runs import Cursor, Result

# Epoch of the ids: the input of a job never changes, so its positions hold as long as it is kept.
EPOCH = 1


@dataclass(frozen=True)
class Layout:
    """How the events of a job look.

    Results are compressed with `codec` where that makes an event smaller; with `hexadecimal` always, and given as hex. What
    is not compressed stands in the event as it is: the fields of one result, an array `results`, or `text`.
    `progressive`: the bytes of all events together are one JSON document.
    """

    job: str
    codec: Codec
    hexadecimal: bool = False
    progressive: bool = False


# The beginning of the progressive document.
OPENING = b'{"results":['


def event_bytes(name: str, data: bytes, identifier: str = "") -> bytes:
    """Return one event; `data` is one line."""
    head = f"id: {identifier}\nevent: {name}\ndata: " if identifier else f"event: {name}\ndata: "
    return head.encode() + data + b"\n\n"


def identifier(job: str, position: int) -> str:
    """Return the id of an event: stream, epoch, and the first byte of the input that the client has no result for."""
    return f"{job}:{EPOCH}:{position}"


def write(layout: Layout, shape: Shape, cursor: Cursor, results: list[Result], *, flush: bool) -> list[bytes]:
    """Return the events for results. Those that do not fill an event wait in the cursor, unless `flush`."""
    if shape.group == 0 and not cursor.waiting:
        return [_single(layout, shape, result) for result in results]
    made = []
    for result in results:
        if not cursor.waiting:
            cursor.waiting_from = result.position
        cursor.waiting.append(result.json)
        if sum(map(len, cursor.waiting)) >= shape.group:
            made.append(_grouped(layout, shape, cursor, result.position + result.length, result.offset + 1))
    if flush and cursor.waiting:
        made.append(_grouped(layout, shape, cursor, cursor.position, cursor.chunks))
    return made


def _single(layout: Layout, shape: Shape, result: Result) -> bytes:
    end = identifier(layout.job, result.position + result.length)
    fields = coded(result.json, layout.codec, shape.level, hexadecimal=layout.hexadecimal)
    if fields is None:
        return event_bytes("chunk", result.json, end)
    place = {"offset": result.offset, "position": result.position, "length": result.length}
    return event_bytes("chunk", dump(place | fields), end)


def _grouped(layout: Layout, shape: Shape, cursor: Cursor, end: int, after: int) -> bytes:
    """Return the event of what waits; `end` is the byte and `after` the chunk behind it."""
    first = after - len(cursor.waiting)
    joined = b",".join(cursor.waiting)
    # An array goes into the event as it is; a piece of a document is none by itself, so it goes in as text.
    piece = (b"," if first else OPENING) + joined if layout.progressive else b"[" + joined + b"]"
    place: dict[str, object] = {
        "offset": first,
        "count": len(cursor.waiting),
        "position": cursor.waiting_from,
        "length": end - cursor.waiting_from,
    }
    cursor.waiting.clear()
    fields = coded(piece, layout.codec, shape.level, hexadecimal=layout.hexadecimal)
    if fields is None:
        fields = {"text": piece.decode()} if layout.progressive else {"results": orjson.Fragment(piece)}
    return event_bytes("chunk", dump(place | fields), identifier(layout.job, end))


def closing(summary: dict[str, Any]) -> str:
    """Return the end of the progressive document."""
    return ("]" if summary["chunks"] else OPENING.decode() + "]") + ',"summary":' + dump(summary).decode() + "}"
