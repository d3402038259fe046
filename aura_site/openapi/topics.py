"""Topics: publish, look, subscribe."""

from aura_site.openapi.parts import (
    COUNT,
    EVENTS,
    IDEMPOTENCY_KEY,
    LAST_EVENT_ID,
    STRING,
    Doc,
    answer,
    body,
    events,
    parameter,
    private,
    record,
)
from streaming.subscriptions import KIND_LIMIT
from streaming.topics import NAME_LIMIT

_NAME = parameter(
    "path",
    "name",
    {
        "type": "string",
        "pattern": "^[A-Za-z0-9_.-]{1,64}(/[A-Za-z0-9_.-]{1,64}){0,7}$",
        "maxLength": NAME_LIMIT,
        "example": "shop/orders",
    },
    "Parts joined by `/`, as they are or as %2F. Names that begin with `my/` are each user's own.",
)
_EVENT = record(
    {"data": {"description": "Anything."}},
    {"kind": {"type": "string", "maxLength": KIND_LIMIT}},
    example={"kind": "paid", "data": {"order": 7}},
)
_PLACE: Doc = {"topic": STRING, "epoch": COUNT, "offset": COUNT}

_LOOK: Doc = {
    "operationId": "show_topic",
    "summary": "Epoch, next offset, and who is there with how many subscriptions",
    "parameters": [_NAME],
    "responses": {
        "200": answer("The topic.", record({**_PLACE, "present": {"type": "object", "additionalProperties": COUNT}})),
        **private(404, 429),
    },
}
_PUBLISH: Doc = {
    "operationId": "publish",
    "summary": "Publish an event",
    "parameters": [_NAME, IDEMPOTENCY_KEY],
    "requestBody": body(json=_EVENT),
    "responses": {"201": answer("The event is on the record.", record(_PLACE)), **private(403, 404, 413, 422, 429)},
}
_SUBSCRIBE: Doc = {
    "operationId": "topic_events",
    "summary": "The topic as Server-Sent Events, from now on or from a place; it has no end",
    "parameters": [
        _NAME,
        parameter("query", "offset", {**COUNT, "maximum": 2**53 - 1}, "The first event that is wanted."),
        parameter("query", "filter", STRING, 'A JSON object: `{"kind": ["alarm"], "data.room": 7}`.'),
        parameter("query", "reliability", {"enum": ["exactly_once", "at_most_once"]}),
        LAST_EVENT_ID,
    ],
    "responses": {
        "200": answer("Events: open, event, heartbeat, error.", events("open", "event", "heartbeat", "error"), EVENTS),
        **private(404, 410, 422, 429),
    },
}

PATHS: Doc = {
    "/api/v1/topics/{name}": {"get": _LOOK, "post": _PUBLISH},
    "/api/v1/topics/{name}/events": {"get": _SUBSCRIBE},
}
