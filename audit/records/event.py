"""An event of the record, and its canonical bytes."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias
from uuid import UUID

import rfc8785

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


class Kind(StrEnum):
    """What an event says (docs/reference/record.md)."""

    PROMPT = "prompt"
    CHUNK = "chunk"
    DONE = "done"
    FAULT = "fault"
    CONTROL = "control"
    DELIVERY = "delivery"


# The kinds that are events of a stream and have an offset in it.
IN_STREAM = (Kind.CHUNK, Kind.DONE, Kind.FAULT)
# The kinds that end a stream.
ENDS = (Kind.DONE, Kind.FAULT)


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


def canonical_content(text: str, meta: Mapping[str, Json]) -> bytes:
    """Return the bytes of an event's content, by RFC 8785. Raises ValueError for what JSON cannot hold."""
    return _canonical({"meta": dict(meta), "text": text})


def content_hash(content: bytes) -> bytes:
    """Return the 32 bytes that stand for the content in the entry."""
    return hashlib.sha256(b"aura.content/1\0" + content).digest()


def canonical_entry(sequence: int, event: Event, content: bytes) -> bytes:
    """Return the bytes that are hashed for an event at its place in the journal; `content` is the hash of its content."""
    return _canonical(
        {
            "seq": sequence,
            "kind": event.kind.value,
            "conversation": event.conversation.hex,
            "stream": event.stream.hex,
            "epoch": event.epoch,
            "offset": event.offset,
            "actor": event.actor,
            "at": event.at,
            "content": content.hex(),
        }
    )


def _canonical(value: Json) -> bytes:
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise ValueError(f"this event cannot be recorded: {error}") from None
