"""An event of the record, and the bytes of its content."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias
from uuid import UUID

import orjson

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

NOWHERE = UUID(int=0)


class Kind(StrEnum):
    """What an event says, in at most 8 letters (docs/reference/record.md)."""

    PROMPT = "prompt"
    CHUNK = "chunk"
    DONE = "done"
    FAULT = "fault"
    CONTROL = "control"
    DELIVERY = "delivery"
    # Of the record itself: a row of another table was written, somebody looked, content was erased.
    STATE = "state"
    ACCESS = "access"
    ERASURE = "erasure"


# The kinds that are events of a stream and have an offset in it.
IN_STREAM = (Kind.CHUNK, Kind.DONE, Kind.FAULT)
# The kinds that end a stream.
ENDS = (Kind.DONE, Kind.FAULT)
# The kinds that belong to nobody: sealed under the record's own key, and never erased.
SYSTEM = (Kind.STATE, Kind.ACCESS, Kind.ERASURE)
# The kinds whose details make the summary of a turn (records.summary).
SUMMED = (Kind.PROMPT, Kind.DONE, Kind.FAULT, Kind.DELIVERY)


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    `at` is in microseconds since the Unix epoch. `offset` is the place in the stream for chunk, done and fault, 0 for a
    prompt and -1 for what has no place. `meta` holds what JSON can hold, whole numbers below 2^53.
    """

    kind: Kind
    conversation: UUID
    stream: UUID
    epoch: int
    offset: int
    actor: str
    at: int
    text: str = ""
    meta: Mapping[str, Json] = field(default_factory=dict)


def content_bytes(text: str, meta: Mapping[str, Json]) -> bytes:
    """Return the bytes of an event's content: JSON with sorted names. Raises ValueError for what JSON cannot hold."""
    try:
        if meta:
            _check(meta)
        return orjson.dumps({"meta": dict(meta), "text": text}, option=orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER)
    except (TypeError, RecursionError) as error:
        raise ValueError(f"this event cannot be recorded: {error}") from None


def read_content(data: bytes) -> tuple[str, dict[str, Any]]:
    """Return the text and the details that `content_bytes` wrote. Raises ValueError for anything else."""
    value = orjson.loads(data)
    if not isinstance(value, dict) or not isinstance(value.get("text"), str) or not isinstance(value.get("meta"), dict):
        raise ValueError("this is not the content of an event")
    return value["text"], value["meta"]


def _check(value: object) -> None:
    """Raise TypeError for a float that JSON has no word for: orjson would write null in its place."""
    if isinstance(value, Mapping):
        for item in value.values():
            _check(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _check(item)
    elif isinstance(value, float) and not math.isfinite(value):
        raise TypeError(f"{value} is no number of JSON")
