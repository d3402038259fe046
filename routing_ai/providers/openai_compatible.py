"""Any endpoint that speaks OpenAI's chat completions: OpenRouter, vLLM, Ollama, llama.cpp's server, OpenAI itself."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

import orjson

from routing_ai.errors import ModelUnknown, ProviderCut, ProviderFailed, ProviderRefused, ProviderTimeout, TooLong
from routing_ai.providers.base import Call, Gather, Part, Token, ToolCalls, Usage
from routing_ai.providers.exchange import Endpoint, Exchange
from routing_ai.providers.shape import Shape
from routing_ai.providers.sse import EventParser, LineTooLong

_FINISH = {"stop": "stop", "length": "length", "tool_calls": "tool_call", "content_filter": "content_filter"}
# Statuses that blame the request, not the key or the endpoint.
REFUSED = frozenset({400, 413, 422})
OK, REDIRECT, NOT_FOUND = 200, 300, 404
MESSAGE_LIMIT, REFUSAL_LIMIT = 300, 16_384
TOOLS_LIMIT = 128
# Events of one read that are looked at one by one, at its beginning and where what is alike ends.
SINGLY = 8
# An endpoint is quick when so many times the characters come that may gather in their time: then its end is worth looking
# out for. What a slower one sends is left alone for that time.
QUICK = 4


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait for a connection, for the first token, and for anything at all after it.

    Once an answer has begun, an endpoint that only sends signs of life must bring a token within `first_token`, too.
    """

    connect: float = 5.0
    first_token: float = 60.0
    between: float = 10.0


class OpenAICompatibleProvider:
    """Talks to `base_url` (with its `/v1`) with a key, which may be empty.

    `continues` says that the endpoint goes on with a last message of the assistant; OpenAI's own answers it instead.
    `limit_name` is what the endpoint calls the limit of tokens: OpenAI's own has a newer name, which others do not know.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        key: str = "",
        *,
        timeouts: Timeouts | None = None,
        continues: bool = False,
        limit_name: str = "max_tokens",
    ) -> None:
        self.name = name
        self._limit_name = limit_name
        self.continues = continues
        self.pictures = True
        self._base_url = base_url.rstrip("/")
        self._key = key
        self._timeouts = timeouts or Timeouts()
        self._endpoint: Endpoint | None = None

    async def stream(self, call: Call) -> AsyncGenerator[Part]:
        """Yield tokens, then usage. An answer that ends without saying why it ended is ProviderCut, not an end."""
        body = orjson.dumps(self._body(call))
        started = False
        answer: Exchange | None = None
        try:
            async with asyncio.timeout(self._timeouts.first_token):
                answer = await self._reached().post("/chat/completions", body)
                if answer.status != OK:
                    raise await _refusal(self.name, answer)
            async for part in self._parts(answer, call.gather):
                started = True
                if isinstance(part, Usage) and answer is not None:
                    # Its connection is for the next call.
                    answer.let_end()
                    answer = None
                yield part
        except TimeoutError:
            raise ProviderTimeout(f"{self.name} was silent for too long") from None
        except (LineTooLong, OSError) as error:
            kind = ProviderCut if started else ProviderFailed
            raise kind(f"{self.name}: {_short(str(error) or type(error).__name__)}") from error
        finally:
            # An answer that is not wanted any more must not be computed any further.
            if answer is not None:
                answer.close()

    def _body(self, call: Call) -> dict[str, Any]:
        body: dict[str, Any] = {
            **call.extra,
            "model": call.model,
            "messages": list(call.messages),
            self._limit_name: call.max_tokens,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if call.temperature is not None:
            body["temperature"] = call.temperature
        return body

    async def _parts(self, exchange: Exchange, gather: Gather | None) -> AsyncGenerator[Part]:
        answer = _Answer(self.name)
        loop = asyncio.get_running_loop()
        came = progress = loop.time()
        rest, enough, slow = 0.0, 0, False  # seconds, bytes
        while not answer.over:
            due = progress + self._timeouts.first_token
            if answer.began:
                due = min(due, loop.time() + self._timeouts.between)
            # What comes in one read goes on as one: each part costs a visit to every layer above.
            chunk = await exchange.read(due + rest, gather=0.0 if slow else came + rest, enough=enough)
            before, came = came, loop.time()
            if not chunk:
                break
            text = answer.take(chunk)
            if text is None:
                continue
            if text and gather is not None:
                size, seconds = gather()
                slow = rest > 0 and len(text) * seconds < QUICK * size * (came - before)
                rest, enough = seconds, size * len(chunk) // len(text)
                if slow:
                    exchange.leave(rest)
            if text:
                yield Token(text, refusal=answer.refuses)
            # Not before: who reads slowly must not make the endpoint look silent.
            progress = loop.time()
        usage = Usage(answer.finish, answer.prompt_tokens, answer.completion_tokens)
        # What an endpoint counted before it broke off without a word is for the accounts.
        if not answer.finish and (answer.began or not usage.known):
            kind = ProviderCut if answer.began else ProviderFailed
            raise kind(f"{self.name} broke off before the answer was whole")
        if answer.tools:
            yield ToolCalls(answer.tool_calls())
        yield usage

    async def check(self) -> None:
        """Raise ProviderFailed or ProviderTimeout unless the endpoint lists its models."""
        try:
            async with asyncio.timeout(self._timeouts.connect):
                answer = await self._reached().get("/models")
                try:
                    if answer.status >= REDIRECT:
                        raise await _refusal(self.name, answer)
                finally:
                    answer.let_end()
        except TimeoutError:
            raise ProviderTimeout(f"{self.name} does not answer") from None
        except OSError as error:
            raise ProviderFailed(f"{self.name} cannot be reached: {_short(str(error))}") from error

    async def aclose(self) -> None:
        """Close the connections."""
        if self._endpoint is not None:
            self._endpoint.close()

    def _reached(self) -> Endpoint:
        if self._endpoint is None:
            headers = {"Accept": "text/event-stream"}
            if self._key:
                headers["Authorization"] = f"Bearer {self._key}"
            try:
                self._endpoint = Endpoint(self._base_url, headers, connect=self._timeouts.connect)
            except ValueError as error:
                raise ProviderFailed(f"{self.name} cannot be asked: {error}", permanent=True) from None
        return self._endpoint


class _Answer:
    """What has been read of one answer of the endpoint of that name."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._parser = EventParser()
        self._shape = Shape()
        self.began = False
        # Whether it says that it will not answer: nothing else follows.
        self.refuses = False
        self.finish = ""
        self.over = False
        self.prompt_tokens = 0
        self.completion_tokens = 0
        self.tools: dict[int, dict[str, str]] = {}

    def tool_calls(self) -> list[dict[str, Any]]:
        """Return the tools to be called, in OpenAI's shape."""
        return [
            {"id": tool["id"], "type": "function", "function": {"name": tool["name"], "arguments": tool["arguments"]}}
            for _, tool in sorted(self.tools.items())
        ]

    def take(self, chunk: bytes) -> str | None:
        """Take bytes of the answer, cut anywhere, and return the text of the events that end in them; None when none brings
        the answer any further. Raises ProviderError and LineTooLong."""
        texts: list[str | None] = []
        for _ in range(SINGLY):
            if self._parser.between:
                words, size = self._shape.words(chunk)
                if size:
                    texts.append(words)
                    chunk = chunk[size:]
            if not chunk:
                break
            end = chunk.find(b"\n\n") + 2
            first = chunk[:end] if end > 1 else chunk
            texts += self._read(first)
            chunk = chunk[len(first) :]
        texts += self._read(chunk)
        return None if texts.count(None) == len(texts) else "".join(filter(None, texts))

    def _read(self, chunk: bytes) -> list[str | None]:
        return [self._event(data) for data in self._parser.feed(chunk)] if chunk else []

    def _event(self, data: bytes) -> str | None:
        """Take the data of one event and return the text in it; None when it brings the answer no further."""
        if data == b"[DONE]":
            self.over = True
            return None
        try:
            event = orjson.loads(data)
        except orjson.JSONDecodeError:
            raise ProviderFailed(f"{self._name} sent what is not JSON") from None
        if not isinstance(event, dict):
            return None
        if event.get("error"):
            kind = ProviderCut if self.began else ProviderFailed
            raise kind(f"{self._name}: {_message(event)}")
        usage = event.get("usage")
        if isinstance(usage, dict):
            self.prompt_tokens = _count(usage, "prompt_tokens")
            self.completion_tokens = _count(usage, "completion_tokens")
        choices = event.get("choices")
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
            return None
        choice = choices[0]
        if choice.get("finish_reason"):
            self.finish = _FINISH.get(str(choice["finish_reason"]), "stop")
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            return None
        if delta.get("tool_calls"):
            self._take_tools(delta["tool_calls"])
            return ""
        # The words in which a model refuses are what it says.
        self.refuses = self.refuses or bool(delta.get("refusal"))
        text = delta.get("content") or delta.get("refusal")
        if not isinstance(text, str) or not text:
            # Thinking that is not shown is progress all the same.
            return "" if delta.get("reasoning") or delta.get("reasoning_content") else None
        self.began = True
        if not (usage or choice.get("finish_reason") or len(choices) > 1 or delta.get("refusal")):
            self._shape.learn(data, event, delta)
        return text

    def _take_tools(self, pieces: Any) -> None:
        """Add pieces of calls of tools: each names its place, the first also id and name, all add to the arguments."""
        for place, piece in enumerate(pieces if isinstance(pieces, list) else []):
            if not isinstance(piece, dict) or not isinstance(piece.get("function"), dict):
                continue
            index = piece.get("index", place)
            if not isinstance(index, int) or len(self.tools) >= TOOLS_LIMIT:
                continue
            self.began = True
            tool = self.tools.setdefault(index, {"id": "", "name": "", "arguments": ""})
            tool["id"] = str(piece.get("id") or tool["id"])
            tool["name"] = str(piece["function"].get("name") or tool["name"])
            tool["arguments"] += str(piece["function"].get("arguments") or "")


def _count(usage: dict[str, Any], name: str) -> int:
    value = usage.get(name)
    return value if isinstance(value, int) and value >= 0 else 0


def _short(text: str) -> str:
    return text if len(text) <= MESSAGE_LIMIT else text[: MESSAGE_LIMIT - 1] + "…"


def _message(event: Any) -> str:
    """Return the words of an error in OpenAI's shape, or of what came instead."""
    error = event.get("error", event) if isinstance(event, dict) else event
    if isinstance(error, dict) and isinstance(error.get("message"), str):
        return _short(error["message"])
    return _short(str(error))


async def _refusal(name: str, response: Exchange) -> ProviderFailed:
    """Return the error for a status that is no success."""
    body = b""
    while len(body) < REFUSAL_LIMIT and (more := await response.read()):
        body += more
    told: Any = None
    try:
        told = orjson.loads(body)
        words = _message(told)
    except orjson.JSONDecodeError:
        words = _short(body.decode(errors="replace").strip())
    given = response.headers.get("retry-after", "")
    retry_after = float(given) if given.isascii() and given.isdigit() else None
    permanent = response.status not in (408, 409, 425, 429) and response.status < 500
    if response.status in REFUSED and _too_long(told, words):
        # What could be increased is not the asker's.
        fits = words.removesuffix(", try increasing it")
        return TooLong(
            f"The conversation is too long for the model: shorten it, or begin a new one. {name} says: {fits}",
            permanent=True,
        )
    kind = ProviderRefused if response.status in REFUSED else ProviderFailed
    if response.status == NOT_FOUND:
        kind = ModelUnknown
    return kind(f"{name} answered {response.status}: {words}", retry_after=retry_after, permanent=permanent)


def _too_long(told: Any, words: str) -> bool:
    """Return whether an endpoint refuses a conversation for its length: OpenAI and llama.cpp have a word for it, vLLM and
    OpenRouter a sentence."""
    error = told.get("error", told) if isinstance(told, dict) else None
    marks = {str(error.get("code")), str(error.get("type"))} if isinstance(error, dict) else set()
    return bool(marks & {"context_length_exceeded", "exceed_context_size_error"}) or "maximum context length" in words
