"""The server itself: health, counts, metrics, libraries, and descriptions like this one."""

from aura_site.documentation.pages import LANGUAGES
from aura_site.openapi.parts import (
    COUNT,
    FREE,
    JSON,
    STRING,
    TEXT,
    Doc,
    answer,
    errors,
    parameter,
    private,
    record,
    schema,
)
from compression.codec.delta import CONTENT_TYPE as DELTA

_FLAG: Doc = {"type": "boolean"}
_OPEN: list[Doc] = []
_PART = record({"ok": _FLAG}, {"message": {**STRING, "description": "Why: for staff."}})
SCHEMAS: Doc = {
    "Readiness": record(
        {"live": {"const": True}, "ready": _FLAG, "checks": {"type": "object", "additionalProperties": _PART}}
    ),
    "Compression": record(
        {"text_bytes": COUNT, "wire_bytes": COUNT, "methods": {"type": "object", "additionalProperties": COUNT}}
    ),
}


def _ready(name: str) -> Doc:
    without = parameter("query", "without", STRING, "Parts that are left out, joined by commas: worker, for example.")
    return {
        "operationId": name,
        "summary": "Whether database, disk, channel layer, worker and model work",
        "security": [{"key": []}, {}],
        "parameters": [without],
        "responses": {
            "200": answer("They do.", schema("Readiness")),
            "503": answer(
                "One of them does not, or the database is away.", {"anyOf": [schema("Readiness"), schema("Error")]}
            ),
            **errors(401),
        },
    }


_LIVE: Doc = {
    "operationId": "live",
    "summary": "Whether the process answers at all",
    "security": _OPEN,
    "responses": {"200": answer("It does.", record({"live": {"const": True}}))},
}
_COUNTS: Doc = record({"open": COUNT, "opened": COUNT})
_STATS: Doc = {
    "operationId": "stats",
    "summary": "Counts of this process",
    "responses": {
        "200": answer(
            "Since it started.",
            record(
                {
                    "process": COUNT,
                    "uptime_s": {"type": "number"},
                    "connections": _COUNTS,
                    "streams": _COUNTS,
                    "topics": record({"open": COUNT, "events": COUNT, "encodes": COUNT, "subscribers": COUNT}),
                    "frames": record({"sent": COUNT, "bytes": COUNT}),
                    "compression": schema("Compression"),
                    "load": FREE,
                    "datasets": FREE,
                    "voice": FREE,
                    "draining": _FLAG,
                    "models": FREE,
                }
            ),
        ),
        **private(),
    },
}
_SESSION = record(
    {
        "session": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
        "user": STRING,
        "transport": STRING,
        "mode": {"enum": ["complete", "sentence", "token"]},
        "channels": COUNT,
        "compression": schema("Compression"),
    }
)
_SESSIONS: Doc = {
    "operationId": "sessions",
    "summary": "Open sessions: one's own, all of them for staff",
    "responses": {
        "200": answer("The sessions.", record({"sessions": {"type": "array", "items": _SESSION}})),
        **private(),
    },
}
_FIGURES: Doc = {
    "operationId": "figures",
    "summary": "The figures of the dashboard; staff only",
    "responses": {
        "200": answer("Of this process.", record({"at": {"type": "number"}, "ready": FREE, "queues": FREE})),
        **private(403),
    },
}
_METRICS: Doc = {
    "operationId": "metrics",
    "summary": "Metrics for Prometheus; by the operator's token, or from an address of AURA_METRICS_ALLOW",
    "security": [{"operator": []}, {}],
    "responses": {
        "200": answer("The metrics.", STRING, TEXT),
        "401": answer("Neither the token nor such an address.", STRING, TEXT),
    },
}
_HASH: Doc = {"type": "string", "pattern": "^[0-9a-f]{64}$"}


def _artefact(name: str, summary: str, kind: str, content: Doc, *held: str) -> Doc:
    return {
        "operationId": name,
        "summary": summary,
        "parameters": [
            parameter("path", "hash", _HASH),
            *(
                parameter(
                    "query", have, STRING, "The hash of what the client holds: a delta comes where it is smaller."
                )
                for have in held
            ),
        ],
        "responses": {
            "200": {
                "description": "It, or a delta. Neither ever changes.",
                "headers": {name: {"required": True, "schema": STRING} for name in ("ETag", "Cache-Control")},
                "content": {kind: {"schema": content}, DELTA: {"schema": {"type": "string", "format": "binary"}}},
            },
            "304": {"description": "The client has it."},
            **private(404),
        },
    }


_BINARY: Doc = {"type": "string", "format": "binary"}
_LIBRARY = _artefact("library", "A library of templates", JSON, FREE, "have")
_DICTIONARY = _artefact(
    "dictionary", "A dictionary that a model is primed with", "application/octet-stream", _BINARY, "have", "library"
)
_DESCRIPTION = record({"openapi": {"type": "string", "pattern": r"^3\.1\."}, "paths": FREE})
_ALL: Doc = {
    "operationId": "description",
    "summary": "This document",
    "security": _OPEN,
    "responses": {"200": answer("OpenAPI 3.1.", _DESCRIPTION)},
}
_DATASETS: Doc = {
    "operationId": "description_of_datasets",
    "summary": "The part of this document that is about datasets",
    "responses": {"200": answer("OpenAPI 3.1.", _DESCRIPTION), **private()},
}
_SECURITY: Doc = {
    "operationId": "security_txt",
    "summary": "Whom to tell of a weakness (RFC 9116)",
    "security": _OPEN,
    "responses": {
        "200": answer("The contact.", STRING, TEXT),
        "404": answer("The operator names nobody.", STRING, "text/html"),
    },
}
_SEARCH: Doc = {
    "operationId": "search_documentation",
    "summary": "What the search of the documentation looks through",
    "security": _OPEN,
    "parameters": [parameter("path", "language", {"enum": list(LANGUAGES)})],
    "responses": {
        "200": answer("The sections.", {}),
        "304": {"description": "The client has it."},
        "404": answer("There is no documentation in that language.", STRING, "text/html"),
    },
}

PATHS: Doc = {
    "/health": {"get": _ready("health")},
    "/health/ready": {"get": _ready("ready")},
    "/health/live": {"get": _LIVE},
    "/api/streaming/stats": {"get": _STATS},
    "/api/streaming/sessions": {"get": _SESSIONS},
    "/dashboard/figures": {"get": _FIGURES},
    "/metrics": {"get": _METRICS},
    "/api/compression/libraries/{hash}": {"get": _LIBRARY},
    "/api/compression/dictionaries/{hash}": {"get": _DICTIONARY},
    "/api/openapi.json": {"get": _ALL},
    "/deep_tree_echo/openapi.json": {"get": _DATASETS},
    "/.well-known/security.txt": {"get": _SECURITY},
    "/docs/{language}/search.json": {"get": _SEARCH},
}
