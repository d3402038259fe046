"""The user's conversations, and links to them."""

from aura_site.openapi.parts import (
    EXAMPLE,
    STRING,
    UUID,
    WORDS,
    Doc,
    answer,
    body,
    or_empty,
    parameter,
    private,
    record,
    schema,
)

_ID = parameter("path", "id", {**UUID, "example": EXAMPLE})
_MOMENT: Doc = {"type": "string", "format": "date-time"}
_TURNS: Doc = {"type": "array", "items": schema("Turn")}

SCHEMAS: Doc = {
    "Conversation": record({"id": UUID, "title": STRING, "updated_at": _MOMENT}),
    "Share": record({"id": UUID, "path": {"type": "string", "pattern": "^/shared/"}, "made_at": _MOMENT}),
}

_LIST: Doc = {
    "operationId": "list_conversations",
    "summary": "The user's conversations, a hundred at a time, the newest first",
    "parameters": [
        parameter("query", "q", STRING, "Words that a turn has all of, or a part of the title; 200 letters count."),
        parameter("query", "before", or_empty(_MOMENT), "Goes on behind a page: the last one's `updated_at`."),
    ],
    "responses": {
        "200": answer(
            "The conversations.",
            record({"conversations": {"type": "array", "items": schema("Conversation")}, "more": {"type": "boolean"}}),
        ),
        **private(422),
    },
}
_SHOW: Doc = {
    "operationId": "show_conversation",
    "summary": "A conversation with its turns, all branches",
    "parameters": [_ID],
    "responses": {
        "200": answer("The conversation.", record({"id": UUID, "title": STRING, "turns": _TURNS})),
        **private(404),
    },
}
_CHANGE: Doc = {
    "operationId": "change_conversation",
    "summary": "Name a conversation, take it off the list, put it back",
    "parameters": [_ID],
    "requestBody": body(
        json={
            "type": "object",
            "properties": {"title": {**WORDS, "type": ["string", "null"]}, "listed": {"type": ["boolean", "null"]}},
            "anyOf": [
                {"required": ["title"], "properties": {"title": {"type": "string"}}},
                {"required": ["listed"], "properties": {"listed": {"type": "boolean"}}},
            ],
            "example": {"title": "Orders of May"},
        }
    ),
    "responses": {"200": answer("The conversation.", schema("Conversation")), **private(404, 422)},
}
_LINKS: Doc = {
    "operationId": "list_shares",
    "summary": "The links to a conversation that count",
    "parameters": [_ID],
    "responses": {
        "200": answer("The links.", record({"shares": {"type": "array", "items": schema("Share")}})),
        **private(404),
    },
}
_LINK: Doc = {
    "operationId": "make_share",
    "summary": "A new link to a conversation, as far as it goes now",
    "parameters": [_ID],
    "responses": {"201": answer("The link.", schema("Share")), **private(403, 404)},
}
_READ: Doc = {
    "operationId": "read_share",
    "summary": "What a link shows; the look is put on the ledger first",
    "parameters": [_ID],
    "responses": {
        "200": answer("The conversation.", record({"title": STRING, "by": STRING, "turns": _TURNS})),
        **private(404),
    },
}
_REVOKE: Doc = {
    "operationId": "revoke_share",
    "summary": "Revoke a link of one's own",
    "parameters": [_ID],
    "responses": {"200": answer("It counts no more.", record({"revoked": {"const": True}})), **private(404)},
}

PATHS: Doc = {
    "/api/v1/conversations": {"get": _LIST},
    "/api/v1/conversations/{id}": {"get": _SHOW, "patch": _CHANGE},
    "/api/v1/conversations/{id}/shares": {"get": _LINKS, "post": _LINK},
    "/api/v1/shares/{id}": {"get": _READ, "delete": _REVOKE},
}
