"""Events of streams as JSON, for the store."""

from dataclasses import asdict
from typing import Any

import orjson

from streaming.flow.events import StreamChunk, StreamDone, StreamEvent, StreamFault
from streaming.protocol.codes import FaultCode, Finish


def to_json(event: StreamEvent) -> bytes:
    """Return the JSON of an event."""
    match event:
        case StreamChunk():
            return orjson.dumps({"o": event.offset, "t": event.text})
        case StreamDone():
            return orjson.dumps({"done": asdict(event)})
    return orjson.dumps({"fault": asdict(event)})


def from_json(data: dict[str, Any]) -> StreamEvent:
    """Return the event that `to_json` wrote."""
    if "done" in data:
        return StreamDone(**data["done"] | {"finish": Finish(data["done"]["finish"])})
    if "fault" in data:
        return StreamFault(**data["fault"] | {"code": FaultCode(data["fault"]["code"])})
    return StreamChunk(data["o"], data["t"])
