"""Pieces that the descriptions of all endpoints are made of. Source: OpenAPI Specification 3.1, JSON Schema 2020-12."""

from typing import Any

Doc = dict[str, Any]

JSON = "application/json"
TEXT = "text/plain"
EVENTS = "text/event-stream"
UUID: Doc = {"type": "string", "format": "uuid"}
COUNT: Doc = {"type": "integer", "minimum": 0}
STRING: Doc = {"type": "string"}
# Text with a letter in it.
WORDS: Doc = {"type": "string", "minLength": 1, "pattern": r"\S"}
FREE: Doc = {"type": "object"}
EXAMPLE = "6f1c1f0e-6d7a-4a55-9d3c-0d3d6f0a2b11"

_SAYS = {
    401: "Sign in, or send an API key.",
    403: "Another site's page asked, or this is not for this user.",
    404: "There is no such thing, or none of yours.",
    406: "None of the accepted forms is there.",
    409: "Something else was asked under that name before.",
    410: "That place is not kept any more.",
    413: "Too large.",
    422: "The request makes no sense; the message says why.",
    429: "Too much in a short time, or at once; `Retry-After` says when to come back, where waiting helps.",
    501: "What this needs is not installed on this server.",
    503: "The server is overloaded, restarts, or cannot reach its database.",
}


def schema(name: str) -> Doc:
    """Return a reference to a schema of the document's components."""
    return {"$ref": f"#/components/schemas/{name}"}


def answer(description: str, content: Doc, kind: str = JSON, **more: Doc) -> Doc:
    """Return a response with one kind of content; `more` are its headers, with `_` for `-`."""
    found: Doc = {"description": description, "content": {kind: {"schema": content}}}
    if more:
        found["headers"] = {name.replace("_", "-"): {"required": True, "schema": value} for name, value in more.items()}
    return found


def errors(*statuses: int) -> Doc:
    """Return the responses that are errors in AURA's form."""
    return {str(status): answer(_SAYS[status], schema("Error")) for status in statuses}


def private(*statuses: int) -> Doc:
    """Return the errors of what needs a user, and those given besides."""
    return errors(401, *statuses, 503)


def parameter(place: str, name: str, content: Doc, description: str = "", *, required: bool = False) -> Doc:
    """Return a parameter; `place` is query, header or path. One of a path is always required."""
    found = {"name": name, "in": place, "required": required or place == "path", "schema": content}
    return {**found, "description": description} if description else found


def body(*, required: bool = True, **kinds: Doc) -> Doc:
    """Return a request's body: `json` and `text` with their schemas."""
    names = {"json": JSON, "text": TEXT}
    return {"required": required, "content": {names[kind]: {"schema": content} for kind, content in kinds.items()}}


def or_empty(content: Doc) -> Doc:
    """Return the schema of a text that may be left empty, which is as if it were not there."""
    return {"anyOf": [content, {"type": "string", "maxLength": 0}]}


def record(required: Doc, optional: Doc | None = None, **more: Any) -> Doc:
    """Return the schema of an object with these members, and maybe others."""
    members = {**required, **(optional or {})}
    return {"type": "object", "required": list(required), "properties": members, **more}


def events(*names: str) -> Doc:
    """Return the schema of each event of an event stream (WHATWG HTML, section 9.2)."""
    data: Doc = {"type": "string", "contentMediaType": JSON}
    position: Doc = {"type": "string", "pattern": "^[0-9a-f]{32}:[0-9]+:[0-9]+$"}
    return {
        "description": "Of each event.",
        **record({"event": {"enum": list(names)}, "data": data}, {"id": position}),
    }


LAST_EVENT_ID = parameter(
    "header",
    "Last-Event-ID",
    {
        **or_empty({"type": "string", "pattern": "^[0-9a-f]{32}:[0-9]{1,15}:[0-9]{1,15}$"}),
        "example": f"{EXAMPLE.replace('-', '')}:1:7",
    },
    "The id of the last event that you have: you get exactly the rest.",
)
IDEMPOTENCY_KEY = parameter(
    "header",
    "Idempotency-Key",
    {"type": "string", "maxLength": 255},
    "The same request again under the same key is done once.",
)
PRIORITY = parameter("header", "Priority", STRING, "RFC 9218: u=0 to u=2 is urgent, u=4 to u=7 bulk.")
