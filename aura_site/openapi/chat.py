"""Questions and answers: `/ai/chat`, `/api/v1/stream/chat`, what is known of an answer, and WebRTC's signalling."""

from aura_site.openapi.parts import (
    COUNT,
    EVENTS,
    EXAMPLE,
    IDEMPOTENCY_KEY,
    LAST_EVENT_ID,
    PRIORITY,
    STRING,
    TEXT,
    UUID,
    WORDS,
    Doc,
    answer,
    body,
    errors,
    events,
    or_empty,
    parameter,
    private,
    record,
    schema,
)
from streaming.protocol.offers import OFFER_LIMIT
from streaming.transports.http import FRAMES, NDJSON

_CONVERSATION = "The conversation that the question belongs to; without one it begins one."
_MODEL = "A tier (nano, fast, smart, genius) or a model; without one the router chooses."
_AFTER = "The stream of the question that this one stands behind; zeros are the beginning of the conversation."

TURN = record(
    {
        "role": {"enum": ["user", "assistant"]},
        "text": STRING,
        "stream": UUID,
        "after": {**UUID, "type": ["string", "null"]},
        "epoch": COUNT,
        "next_offset": COUNT,
        "state": {"enum": ["open", "done", "cancelled", "fault"]},
        "finish": STRING,
        "model": STRING,
        "tier": STRING,
        "cost_nano": {**COUNT, "description": "In 10^-9 US dollars."},
        "prompt_tokens": COUNT,
        "completion_tokens": COUNT,
        "first_token_ms": COUNT,
        "duration_ms": COUNT,
        "at": {**COUNT, "description": "Microseconds since 1970."},
        "text_bytes": COUNT,
        "wire_bytes": COUNT,
        "methods": {"type": "object", "additionalProperties": COUNT},
        "fault": STRING,
        "fault_code": STRING,
    }
)
_HASH: Doc = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_ENTRY = record({"sequence": COUNT, "hash": _HASH, "proof": {"type": "array", "items": _HASH}})
PROOF = record(
    {
        "note": {**STRING, "description": "The signed head."},
        "size": COUNT,
        "root": _HASH,
        "at": {"type": "integer"},
        "all": {**COUNT, "description": "Entries that the answer has; `entries` are the first of them."},
        "entries": {"type": "array", "items": _ENTRY},
    }
)
SCHEMAS: Doc = {"Turn": TURN, "Proof": PROOF}

_STREAM_CHAT: Doc = {
    "operationId": "stream_chat",
    "summary": "An answer as Server-Sent Events",
    "description": "Needs `q`, or `Last-Event-ID` to go on where a line broke.",
    "parameters": [
        parameter("query", "q", {**WORDS, "example": "What is the capital of France?"}, "The question."),
        parameter("query", "conversation", or_empty(UUID), _CONVERSATION),
        parameter("query", "model", STRING, _MODEL),
        parameter("query", "after", or_empty(UUID), _AFTER),
        LAST_EVENT_ID,
        IDEMPOTENCY_KEY,
        PRIORITY,
    ],
    "responses": {
        "200": answer(
            "Events: open, token, compression, heartbeat, done, error.",
            events("open", "token", "compression", "heartbeat", "done", "error"),
            EVENTS,
        ),
        "204": {"description": "You have everything: do not come back."},
        **private(403, 404, 409, 410, 413, 422, 429),
    },
}

_TEXT: Doc = {"type": "string", "minLength": 1, "description": "Not blank."}
_LINE = record({"type": {"enum": ["open", "chunk", "done", "fault"]}})
_QUESTION = record(
    {"text": _TEXT},
    {
        "conversation": {**or_empty(UUID), "description": _CONVERSATION},
        "model": {**STRING, "description": _MODEL},
        "after": {**or_empty(UUID), "description": _AFTER},
    },
    additionalProperties=STRING,
    example={"text": "What is the capital of France?", "model": "fast"},
)
_AI_CHAT: Doc = {
    "operationId": "ai_chat",
    "summary": "An answer as a streamed response: `Accept` chooses its form",
    "parameters": [
        parameter(
            "query",
            "mode",
            {"enum": ["complete", "sentence", "token"], "default": "sentence"},
            "How much text a frame of application/vnd.aura.frames holds.",
        ),
        parameter("header", "AURA-Library", STRING, "The hash of the library that the client decodes frames with."),
        IDEMPOTENCY_KEY,
        PRIORITY,
    ],
    "requestBody": body(json=_QUESTION, text=_TEXT),
    "responses": {
        "200": {
            "description": "The answer. A fault that comes after the status is the last line or frame.",
            "headers": {
                "AURA-Stream": {"required": True, "schema": UUID},
                "AURA-Conversation": {"required": True, "schema": UUID},
            },
            "content": {
                TEXT: {"schema": STRING},
                NDJSON: {"schema": {"description": "Of each line.", **_LINE}},
                FRAMES: {"schema": {"type": "string", "contentEncoding": "binary"}},
            },
        },
        **private(403, 404, 406, 409, 410, 413, 422, 429),
    },
}

_ANSWER: Doc = {
    "operationId": "show_answer",
    "summary": "One answer of the user: its figures, why its tier was chosen, and its proof",
    "parameters": [parameter("path", "stream", {**UUID, "example": EXAMPLE})],
    "responses": {
        "200": answer(
            "The answer; the proof is null until it has ended.",
            record({"turn": schema("Turn"), "reason": STRING, "proof": {"anyOf": [schema("Proof"), {"type": "null"}]}}),
        ),
        **private(404),
    },
}

_ICE_SERVERS: Doc = {
    "operationId": "ice_servers",
    "summary": "The ICE servers that a WebRTC peer should use",
    "responses": {
        "200": answer(
            "As RTCConfiguration has them.", record({"ice_servers": {"type": "array", "items": {"type": "object"}}})
        ),
        **private(),
    },
}
_SDP = {"type": "string", "pattern": r"^v=0[\r\n]", "description": f"At most {OFFER_LIMIT} characters."}
_OFFER: Doc = {
    "operationId": "webrtc_offer",
    "summary": "An offer of one data channel, and its answer",
    "requestBody": body(json=record({"type": {"const": "offer"}, "sdp": _SDP})),
    "responses": {
        "200": answer("The server's peer.", record({"type": {"const": "answer"}, "sdp": STRING})),
        **private(422, 429),
        **errors(501),
    },
}

PATHS: Doc = {
    "/api/v1/stream/chat": {"get": _STREAM_CHAT},
    "/ai/chat": {"post": _AI_CHAT},
    "/api/v1/answers/{stream}": {"get": _ANSWER},
    "/api/v1/webrtc/ice-servers": {"get": _ICE_SERVERS},
    "/api/v1/webrtc/offer": {"post": _OFFER},
}
