"""The whole description, put together from its parts."""

from functools import cache

import orjson

from aura_site.openapi import chat, conversations, openai, server, topics
from aura_site.openapi.parts import Doc
from streaming.jobs import openapi as datasets

VERSION = "1"
_PARTS = (chat, topics, conversations, openai, server)


def description() -> Doc:
    """Return the description of all endpoints for programs, as OpenAPI 3.1 has it."""
    jobs = datasets.description(VERSION)
    paths: Doc = {}
    schemas: Doc = {}
    for part in _PARTS:
        paths |= part.PATHS
        schemas |= getattr(part, "SCHEMAS", {})
    return {
        "openapi": "3.1.0",
        "info": {"title": "AURA", "version": VERSION, "description": "docs/reference/endpoints.md says more."},
        "security": [{"key": []}],
        "paths": paths | jobs["paths"],
        "components": {
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "A key of ./aura createkey NAME."},
                "operator": {"type": "http", "scheme": "bearer", "description": "AURA_DATA_DIR/keys/operator_token."},
            },
            "schemas": schemas | jobs["components"]["schemas"],
        },
    }


@cache
def written() -> bytes:
    """Return the description as JSON."""
    return orjson.dumps(description())
