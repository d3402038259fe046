"""OpenAI's API as AURA answers it (docs/reference/openai-api.md). Source: OpenAI's API reference."""

from aura_site.openapi.parts import (
    COUNT,
    EVENTS,
    FREE,
    JSON,
    STRING,
    UUID,
    Doc,
    answer,
    body,
    or_empty,
    parameter,
    record,
    schema,
)
from streaming.protocol.openai_form import LIMIT, NAME_LIMIT

_SAYS = {
    400: "The request makes no sense; `param` names the field.",
    401: "No key, or one that does not count.",
    403: "The key's scope or models do not include that, or the conversation is somebody else's.",
    404: "No such model.",
    413: "The body is too large.",
    429: "No budget admits the call, or too much in a short time.",
    500: "AURA failed at it; its log says why.",
    502: "The model's endpoint failed, and so did those in its place.",
    503: "The server is overloaded or about to restart.",
    504: "The model's endpoint was silent too long.",
}

_PROBLEM = record(
    {
        "message": {"type": "string", "minLength": 1},
        "type": {"enum": ["invalid_request_error", "insufficient_quota", "rate_limit_error", "api_error"]},
        "param": {"type": ["string", "null"]},
        "code": STRING,
    }
)
_USAGE = record({"prompt_tokens": COUNT, "completion_tokens": COUNT, "total_tokens": COUNT})
_ABOUT = record({"model": STRING, "tier": STRING, "cost_usd": {"type": "string", "pattern": r"^\d+\.\d{9}$"}})
_SAID = record(
    {"role": {"const": "assistant"}, "content": {"type": ["string", "null"]}},
    {"tool_calls": {"type": "array", "items": FREE}},
)
_CHOICE = record(
    {
        "index": {"const": 0},
        "message": _SAID,
        "finish_reason": {"enum": ["stop", "length", "tool_calls", "content_filter"]},
    }
)
_MODEL = record(
    {"id": STRING, "object": {"const": "model"}, "created": COUNT, "owned_by": STRING},
    {"aura": {**FREE, "description": "What is known of it: provider, tier, context, prices."}},
)
SCHEMAS: Doc = {
    "OpenAIError": record({"error": _PROBLEM}),
    "Model": _MODEL,
    "Completion": record(
        {
            "id": {"type": "string", "pattern": "^chatcmpl-"},
            "object": {"const": "chat.completion"},
            "created": COUNT,
            "model": STRING,
            "choices": {"type": "array", "minItems": 1, "maxItems": 1, "items": _CHOICE},
            "usage": _USAGE,
            "aura": _ABOUT,
        }
    ),
}


def _errors(*statuses: int) -> Doc:
    return {str(status): answer(_SAYS[status], schema("OpenAIError")) for status in (401, 403, *statuses, 500)}


_MESSAGE = record({"role": STRING}, {"content": {"type": ["string", "array", "null"]}})
_LIMIT: Doc = {"type": ["integer", "null"], "minimum": 1, "maximum": LIMIT}
_REQUEST = record(
    {"messages": {"type": "array", "minItems": 1, "items": _MESSAGE}},
    {
        "model": {"type": "string", "maxLength": NAME_LIMIT},
        "stream": {"type": ["boolean", "null"]},
        "stream_options": {
            "type": ["object", "null"],
            "properties": {"include_usage": {"type": ["boolean", "null"]}},
        },
        "max_tokens": _LIMIT,
        "max_completion_tokens": _LIMIT,
        "temperature": {"type": ["number", "null"], "minimum": 0, "maximum": 2},
        "n": {"enum": [1, None]},
        "tools": {
            "type": ["array", "null"],
            "items": {"type": "object", "properties": {"type": {"const": "function"}}},
        },
    },
    description="What is not named here goes to the model's endpoint as it is.",
    example={"model": "fast", "messages": [{"role": "user", "content": "What is the capital of France?"}]},
)
_COMPLETE: Doc = {
    "operationId": "complete",
    "summary": "An answer to messages, whole or streamed",
    "parameters": [
        parameter(
            "header", "AURA-Conversation", or_empty(UUID), "The conversation on the record that this belongs to."
        ),
        parameter(
            "header",
            "AURA-Hedge-After",
            or_empty({"type": "number"}),
            "Seconds until a second is asked; 0: never.",
        ),
        parameter("header", "Cache-Control", STRING, "max-age, no-cache, no-store: of answers given before."),
    ],
    "requestBody": body(json=_REQUEST),
    "responses": {
        "200": {
            "description": "The answer; with `stream` its chunks as events, and [DONE] behind them.",
            "headers": {
                "AURA-Stream": {"required": True, "schema": UUID},
                "AURA-Conversation": {"required": True, "schema": UUID},
            },
            "content": {
                JSON: {"schema": schema("Completion")},
                EVENTS: {"schema": {"description": "Of each event.", **record({"data": STRING})}},
            },
        },
        **_errors(400, 404, 413, 429, 502, 503, 504),
    },
}
_LIST: Doc = {
    "operationId": "list_models",
    "summary": "What a request may name: auto, tiers, models",
    "responses": {
        "200": answer(
            "The models.", record({"object": {"const": "list"}, "data": {"type": "array", "items": schema("Model")}})
        ),
        **_errors(),
    },
}
_SHOW: Doc = {
    "operationId": "show_model",
    "summary": "One of them",
    "parameters": [parameter("path", "model", {"type": "string", "minLength": 1, "example": "auto"})],
    "responses": {"200": answer("The model.", schema("Model")), **_errors(404)},
}

PATHS: Doc = {
    "/v1/chat/completions": {"post": _COMPLETE},
    "/v1/models": {"get": _LIST},
    "/v1/models/{model}": {"get": _SHOW},
}
