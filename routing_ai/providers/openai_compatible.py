"""Any endpoint that speaks OpenAI's chat completions: OpenRouter, vLLM, Ollama, llama.cpp's server, OpenAI itself."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson

from routing_ai.errors import ProviderCut, ProviderFailed, ProviderTimeout
from routing_ai.providers.base import Call, Token, Usage
from routing_ai.providers.sse import EventParser, LineTooLong

_FINISH = {"stop": "stop", "length": "length", "tool_calls": "tool_call", "content_filter": "content_filter"}
MESSAGE_LIMIT = 300


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait for a connection, for the first token, and between tokens."""

    connect: float = 5.0
    first_token: float = 60.0
    between: float = 30.0


class OpenAICompatibleProvider:
    """Talks to `base_url` (with its `/v1`) with a key, which may be empty."""

    def __init__(self, name: str, base_url: str, key: str = "", *, timeouts: Timeouts | None = None) -> None:
        self.name = name
        self._base_url = base_url.rstrip("/")
        self._key = key
        self._timeouts = timeouts or Timeouts()
        self._http: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def stream(self, call: Call) -> AsyncGenerator[Token | Usage]:
        """Yield tokens, then usage. An answer that ends without saying why it ended is ProviderCut, not an end."""
        body = {
            **call.extra,
            "model": call.model,
            "messages": list(call.messages),
            "max_tokens": call.max_tokens,
            "temperature": call.temperature,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        started = False
        response: aiohttp.ClientResponse | None = None
        try:
            async with asyncio.timeout(self._timeouts.first_token):
                response = await self._session().post(
                    f"{self._base_url}/chat/completions", data=orjson.dumps(body), headers=self._headers()
                )
            if response.status != 200:
                raise await _refusal(self.name, response)
            async for part in self._parts(response):
                started = started or isinstance(part, Token)
                yield part
        except TimeoutError:
            raise ProviderTimeout(f"{self.name} was silent for too long") from None
        except (aiohttp.ClientError, LineTooLong, OSError) as error:
            kind = ProviderCut if started else ProviderFailed
            raise kind(f"{self.name}: {_short(str(error) or type(error).__name__)}") from error
        finally:
            # Not released but closed: an answer that is not wanted any more must not be computed any further.
            if response is not None:
                response.close()

    async def _parts(self, response: aiohttp.ClientResponse) -> AsyncGenerator[Token | Usage]:
        parser = EventParser()
        answer = _Answer()
        wait = self._timeouts.first_token
        while True:
            async with asyncio.timeout(wait):
                chunk = await response.content.readany()
            if not chunk:
                break
            for data in parser.feed(chunk):
                text = answer.read(self.name, data)
                if text:
                    wait = self._timeouts.between
                    yield Token(text)
            if answer.over:
                break
        if not answer.finish:
            kind = ProviderCut if answer.began else ProviderFailed
            raise kind(f"{self.name} broke off before the answer was whole")
        yield Usage(answer.finish, answer.prompt_tokens, answer.completion_tokens)

    async def check(self) -> None:
        """Raise ProviderFailed or ProviderTimeout unless the endpoint lists its models."""
        try:
            async with asyncio.timeout(self._timeouts.connect):
                async with self._session().get(f"{self._base_url}/models", headers=self._headers()) as response:
                    if response.status >= 400:
                        raise await _refusal(self.name, response)
        except TimeoutError:
            raise ProviderTimeout(f"{self.name} does not answer") from None
        except (aiohttp.ClientError, OSError) as error:
            raise ProviderFailed(f"{self.name} cannot be reached: {_short(str(error))}") from error

    async def aclose(self) -> None:
        """Close the connections."""
        if self._http is not None and self._loop is asyncio.get_running_loop():
            await self._http.close()
        self._http = None

    def _session(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if self._http is None or self._loop is not loop:
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=self._timeouts.connect)
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=30)
            self._http = aiohttp.ClientSession(timeout=timeout, connector=connector)
            self._loop = loop
        return self._http

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        return headers


class _Answer:
    """What has been read of one answer."""

    def __init__(self) -> None:
        self.began = False
        self.finish = ""
        self.over = False
        self.prompt_tokens = 0
        self.completion_tokens = 0

    def read(self, name: str, data: bytes) -> str:
        """Take the data of one event and return the text in it."""
        if data == b"[DONE]":
            self.over = True
            return ""
        try:
            event = orjson.loads(data)
        except orjson.JSONDecodeError:
            raise ProviderFailed(f"{name} sent what is not JSON") from None
        if not isinstance(event, dict):
            return ""
        if event.get("error"):
            kind = ProviderCut if self.began else ProviderFailed
            raise kind(f"{name}: {_message(event)}")
        usage = event.get("usage")
        if isinstance(usage, dict):
            self.prompt_tokens = _count(usage, "prompt_tokens")
            self.completion_tokens = _count(usage, "completion_tokens")
        choices = event.get("choices")
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
            return ""
        if choices[0].get("finish_reason"):
            self.finish = _FINISH.get(str(choices[0]["finish_reason"]), "stop")
        delta = choices[0].get("delta")
        text = delta.get("content") if isinstance(delta, dict) else None
        if not isinstance(text, str) or not text:
            return ""
        self.began = True
        return text


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


async def _refusal(name: str, response: aiohttp.ClientResponse) -> ProviderFailed:
    """Return the error for a status that is no success."""
    body = await response.content.read(16_384)
    try:
        words = _message(orjson.loads(body))
    except orjson.JSONDecodeError:
        words = _short(body.decode(errors="replace").strip())
    given = response.headers.get("Retry-After", "")
    retry_after = float(given) if given.isascii() and given.isdigit() else None
    permanent = response.status not in (408, 409, 425, 429) and response.status < 500
    return ProviderFailed(f"{name} answered {response.status}: {words}", retry_after=retry_after, permanent=permanent)
