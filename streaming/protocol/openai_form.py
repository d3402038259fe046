"""OpenAI's chat completions as JSON: requests read, answers and errors written (docs/reference/openai-api.md).

Pure: bytes in, values out, and the other way round. Source: OpenAI's API reference, "Chat Completions".
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import orjson

from streaming.protocol.codes import FaultCode, Finish
from streaming.protocol.nesting import TOO_DEEP, is_too_deep

T = TypeVar("T")

DONE = b"data: [DONE]\n\n"
NAME_LIMIT = 128
# Tokens that an answer may be asked to have.
LIMIT = 10_000_000

# What is AURA's own affair, and what says who the end user is: endpoints do not get it.
_KEPT = frozenset(
    {"model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "temperature", "n", "user"}
    | {"metadata", "store", "safety_identifier", "prompt_cache_key", "service_tier"}
)
# What is on the record by itself, and what says only how the answer is sent.
_TOLD = frozenset({"model", "messages", "stream", "stream_options"})
# What would have the endpoint ask other models, or do what has a price of its own: no budget has room for that.
_DEAR = ("models", "plugins", "web_search_options", "preset", "best_of")
# What is answered in fields that AURA does not hand on.
_UNANSWERED = ("logprobs", "top_logprobs", "functions", "function_call", "audio")
_FINISH = {Finish.STOP: "stop", Finish.LENGTH: "length", Finish.TOOL_CALL: "tool_calls"} | {
    Finish.CONTENT_FILTER: "content_filter",
    Finish.CANCELLED: "stop",
}
# Fault: HTTP status, OpenAI's type, OpenAI's code.
_ERRORS = {
    FaultCode.MALFORMED: (400, "invalid_request_error", "invalid_request"),
    FaultCode.EMPTY_PROMPT: (400, "invalid_request_error", "invalid_request"),
    FaultCode.NOT_ALLOWED: (403, "invalid_request_error", "permission_denied"),
    FaultCode.UNKNOWN_STREAM: (404, "invalid_request_error", "not_found"),
    FaultCode.NO_MODEL: (404, "invalid_request_error", "model_not_found"),
    FaultCode.CONFLICT: (409, "invalid_request_error", "conflict"),
    FaultCode.TOO_LARGE: (413, "invalid_request_error", "request_too_large"),
    FaultCode.BUDGET_EXHAUSTED: (429, "insufficient_quota", "insufficient_quota"),
    FaultCode.RATE_LIMITED: (429, "rate_limit_error", "rate_limit_exceeded"),
    FaultCode.TOO_MANY_STREAMS: (429, "rate_limit_error", "rate_limit_exceeded"),
    FaultCode.PROVIDER_FAILED: (502, "api_error", "provider_failed"),
    FaultCode.PROVIDER_CUT: (502, "api_error", "provider_cut"),
    FaultCode.OVERLOADED: (503, "api_error", "overloaded"),
    FaultCode.INTERRUPTED: (503, "api_error", "interrupted"),
    FaultCode.PROVIDER_TIMEOUT: (504, "api_error", "provider_timeout"),
}

# Whose messages there are; what these say is text or parts, while an assistant may only have called tools.
_ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_SPEAKING = frozenset({"system", "developer", "user"})
# What a tool gave back may be nothing; on the record that is said.
_EMPTY = {"tool": "[nothing]", "function": "[nothing]"}


class BadRequest(ValueError):
    """A request that makes no sense; `param` names the field."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


@dataclass(frozen=True, slots=True)
class Asked:
    """A request. `text` is what its last message says, for people; `record` is the rest of it, for the record."""

    model: str
    messages: Sequence[Mapping[str, Any]]
    text: str
    record: Mapping[str, str]
    stream: bool = False
    include_usage: bool = False
    max_tokens: int | None = None
    temperature: float | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


def parse(body: bytes) -> Asked:
    """Read a request. Raises BadRequest."""
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"The body is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise BadRequest("The body must be a JSON object.")
    for name, value in data.items():
        if is_too_deep(value):
            raise BadRequest(f"{name[:NAME_LIMIT]} is {TOO_DEEP}.", name[:NAME_LIMIT])
    messages = _messages(data.get("messages"))
    text = words(messages[-1])
    model = data.get("model", "")
    if not isinstance(model, str) or len(model) > NAME_LIMIT:
        raise BadRequest("Name a model, a tier, or auto.", "model")
    if data.get("n") not in (None, 1) or data.get("n") is True:
        raise BadRequest("One answer a request: n must be 1.", "n")
    options = _member(data, "stream_options", dict, "an object") or {}
    wants_usage = _member(options, "include_usage", bool, "true or false", within="stream_options.")
    streams = _member(data, "stream", bool, "true or false")
    _refuse(data)
    extra = {name: value for name, value in data.items() if name not in _KEPT}
    temperature = _number(data, "temperature")
    if temperature is not None and not 0 <= temperature <= 2:
        raise BadRequest("temperature is from 0 to 2.", "temperature")
    return Asked(
        model=model,
        messages=messages,
        text=text if text.strip() else _EMPTY.get(messages[-1]["role"], ""),
        record=_record(messages, {name: value for name, value in data.items() if name not in _TOLD}),
        stream=bool(streams),
        include_usage=bool(wants_usage),
        max_tokens=_limit(data),
        temperature=temperature,
        extra=extra,
    )


def _refuse(data: Mapping[str, Any]) -> None:
    """Raise BadRequest for what AURA can neither reserve nor answer."""
    for name in _DEAR:
        if data.get(name):
            raise BadRequest(
                f"{name} is not for use here: budgets hold for the model that is asked, and for nothing else.", name
            )
    for name in _UNANSWERED:
        if data.get(name):
            raise BadRequest(f"{name} is not passed on by AURA.", name)
    stop = data.get("stop")
    if stop is not None and not all(isinstance(one, str) for one in (stop if isinstance(stop, list) else [stop])):
        raise BadRequest("stop is text, or a list of texts.", "stop")
    for number, tool in enumerate(_member(data, "tools", list, "a list") or ()):
        if not isinstance(tool, dict) or tool.get("type", "function") != "function":
            raise BadRequest("Tools are functions; those of an endpoint have a price of their own.", f"tools[{number}]")


def _member(data: Mapping[str, Any], name: str, kind: type[T], words: str, within: str = "") -> T | None:
    """Return a member that may be left out or null. Raises BadRequest for one of another kind."""
    value = data.get(name)
    if value is None or isinstance(value, kind):
        return value
    raise BadRequest(f"{within}{name} is {words}.", within + name)


def _messages(found: Any) -> list[dict[str, Any]]:
    if not isinstance(found, list) or not found:
        raise BadRequest("messages must be a list with at least one message.", "messages")
    for number, message in enumerate(found):
        if not isinstance(message, dict):
            raise BadRequest("Each message is an object with a role.", f"messages[{number}]")
        role, content = message.get("role"), message.get("content")
        if role not in _ROLES:
            raise BadRequest(f"role is one of {', '.join(_ROLES)}.", f"messages[{number}].role")
        if not isinstance(content, str | list) and (content is not None or role in _SPEAKING):
            raise BadRequest("content is text or a list of parts.", f"messages[{number}].content")
        for place, part in enumerate(content if isinstance(content, list) else ()):
            if not isinstance(part, dict) or not isinstance(part.get("type"), str):
                raise BadRequest("Each part is an object with a type.", f"messages[{number}].content[{place}]")
    return found


def _limit(data: Mapping[str, Any]) -> int | None:
    for name in ("max_completion_tokens", "max_tokens"):
        value = data.get(name)
        if value is None:
            continue
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= LIMIT:
            raise BadRequest(f"{name} is a whole number from 1 to {LIMIT}.", name)
        return value
    return None


def _number(data: Mapping[str, Any], name: str) -> float | None:
    value = data.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise BadRequest(f"{name} is a number.", name)
    return value


def words(message: Mapping[str, Any]) -> str:
    """Return a message as text for people; what is not text is named by its hash."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(_part_words(part) for part in content)
    if isinstance(refusal := message.get("refusal"), str) and refusal:
        return refusal
    return orjson.dumps(message.get("tool_calls") or "").decode()


def _part_words(part: Any) -> str:
    if isinstance(part, dict) and isinstance(part.get("text"), str):
        return str(part["text"])
    if isinstance(part, dict) and isinstance(part.get("image_url"), dict):
        return f"[{_named(str(part['image_url'].get('url', '')))}]"
    return f"[{_named(orjson.dumps(part).decode())}]"


def _named(data: str) -> str:
    """Return an address as it is, and data by its kind, size and hash."""
    if not data.startswith("data:") and len(data) < 2_048:
        return data
    kind = data[5 : data.find(";")] if data.startswith("data:") and ";" in data[:100] else "data"
    return f"{kind}, {len(data)} characters, SHA-256 {hashlib.sha256(data.encode()).hexdigest()}"


def _record(messages: Sequence[Mapping[str, Any]], parameters: Mapping[str, Any]) -> dict[str, str]:
    record: dict[str, str] = {}
    if len(messages) > 1:
        before = [{"role": message["role"], "content": words(message)} for message in messages[:-1]]
        record["before"] = orjson.dumps(before).decode()
    if parameters:
        record["parameters"] = orjson.dumps(parameters).decode()
    return record


class Writer:
    """Writes one answer: chunks as events, or the whole as one object."""

    def __init__(self, name: str, created: int, model: str) -> None:
        self._name = name
        self._created = created
        self._model = model
        head = orjson.dumps({"id": name, "object": "chat.completion.chunk", "created": created, "model": model})
        self._head = b"data: " + head[:-1] + b',"choices":[{"index":0,"delta":'
        self._begun = False

    def text(self, text: str, *, refusal: bool = False) -> bytes:
        """Return the event of a piece of text."""
        role = b"" if self._begun else b'"role":"assistant",'
        self._begun = True
        name = b'"refusal":' if refusal else b'"content":'
        return self._head + b"{" + role + name + orjson.dumps(text) + b'},"finish_reason":null}]}\n\n'

    def end(
        self,
        finish: Finish,
        calls: Sequence[Mapping[str, Any]],
        usage: Mapping[str, Any] | None,
        about: Mapping[str, Any],
    ) -> bytes:
        """Return the last events: tools to be called, the reason of the end, usage if it is wanted, and [DONE].

        `about` is AURA's own, in a field `aura` of the last chunk of the answer.
        """
        events = []
        if calls:
            delta = {"tool_calls": [{"index": number, **call} for number, call in enumerate(calls)]}
            if not self._begun:
                delta = {"role": "assistant", "content": None, **delta}  # type: ignore[dict-item]
            events.append(self._head + orjson.dumps(delta) + b',"finish_reason":null}]}\n\n')
        elif not self._begun:
            events.append(self.text(""))
        last = b',"aura":' + orjson.dumps(dict(about)) + b"}\n\n"
        events.append(self._head + b'{},"finish_reason":' + orjson.dumps(_FINISH[finish]) + b"}]" + last)
        if usage is not None:
            head = {"id": self._name, "object": "chat.completion.chunk", "created": self._created, "model": self._model}
            events.append(b"data: " + orjson.dumps({**head, "choices": [], "usage": usage}) + b"\n\n")
        return b"".join(events) + DONE

    def whole(
        self,
        text: str,
        refusal: str,
        finish: Finish,
        calls: Sequence[Mapping[str, Any]],
        usage: Mapping[str, Any],
        about: Mapping[str, Any],
    ) -> bytes:
        """Return the answer as one object."""
        content = text or (None if calls or refusal else "")
        message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": refusal or None}
        if calls:
            message["tool_calls"] = list(calls)
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _FINISH[finish]}
        return orjson.dumps(
            {
                "id": self._name,
                "object": "chat.completion",
                "created": self._created,
                "model": about.get("model") or self._model,
                "choices": [choice],
                "usage": usage,
                "aura": about,
            }
        )


def usage_of(prompt_tokens: int, completion_tokens: int) -> dict[str, int]:
    """Return usage in OpenAI's shape."""
    total = prompt_tokens + completion_tokens
    return {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens, "total_tokens": total}


def status_of(code: FaultCode) -> int:
    """Return the HTTP status of a fault."""
    return _ERRORS.get(code, (500, "", ""))[0]


def too_long(message: str) -> bytes:
    """Return what says that no model here can read a conversation of this length, in the words that clients look for."""
    about = {"type": "invalid_request_error", "param": "messages", "code": "context_length_exceeded"}
    return orjson.dumps({"error": {"message": message, **about}})


def error(code: FaultCode, message: str, param: str | None = None) -> bytes:
    """Return a fault in OpenAI's shape."""
    _, kind, name = _ERRORS.get(code, (500, "api_error", "internal"))
    return orjson.dumps({"error": {"message": message, "type": kind, "param": param, "code": name}})
