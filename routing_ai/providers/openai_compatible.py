"""Any endpoint that speaks OpenAI's chat completions: OpenRouter, vLLM, Ollama, llama.cpp's server, OpenAI itself."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import aiohttp
import orjson

from routing_ai.errors import ProviderCut, ProviderFailed, ProviderRefused, ProviderTimeout
from routing_ai.providers.base import Call, Part, Token, ToolCalls, Usage
from routing_ai.providers.sse import EventParser, LineTooLong

_FINISH = {"stop": "stop", "length": "length", "tool_calls": "tool_call", "content_filter": "content_filter"}
# Statuses that blame the request, not the key or the endpoint.
REFUSED = frozenset({400, 413, 422})
MESSAGE_LIMIT = 300
TOOLS_LIMIT = 128
# Seconds for which a connection without a call is kept: a new one costs some round trips, with TLS three.
IDLE = 60.0
# Seconds that an endpoint has to end the body of an answer that is whole, so that the next call finds its connection open.
ENDING = 1.0
# An endpoint that sends this many characters at once needs no gathering, and the first reads of an answer go on at once:
# who waits for an answer waits for its first words.
MUCH, AT_ONCE = 64, 3


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
        self._http: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending: set[asyncio.Task[None]] = set()

    async def stream(self, call: Call) -> AsyncGenerator[Part]:
        """Yield tokens, then usage. An answer that ends without saying why it ended is ProviderCut, not an end."""
        body = self._body(call)
        started = False
        response: aiohttp.ClientResponse | None = None
        try:
            async with asyncio.timeout(self._timeouts.first_token):
                response = await self._posted(orjson.dumps(body))
            if response.status != 200:
                raise await _refusal(self.name, response)
            async for part in self._parts(response, call.gather):
                started = True
                if isinstance(part, Usage) and response is not None:
                    self._keep(response)
                    response = None
                yield part
        except TimeoutError:
            raise ProviderTimeout(f"{self.name} was silent for too long") from None
        except (aiohttp.ClientError, LineTooLong, OSError) as error:
            kind = ProviderCut if started else ProviderFailed
            raise kind(f"{self.name}: {_short(str(error) or type(error).__name__)}") from error
        finally:
            # An answer that is not wanted any more must not be computed any further.
            if response is not None:
                response.close()

    async def _posted(self, body: bytes) -> aiohttp.ClientResponse:
        while True:
            taken = _Taken()
            try:
                # The operator named this endpoint, and no other that it may lead to.
                return await self._session().post(
                    f"{self._base_url}/chat/completions",
                    data=body,
                    headers=self._headers(),
                    allow_redirects=False,
                    trace_request_ctx=taken,
                )
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
                # An endpoint may close an idle connection in the moment in which it is taken again (RFC 9112, 9.3.1).
                if not taken.again:
                    raise

    def _keep(self, response: aiohttp.ClientResponse) -> None:
        """Keep the connection of an answer that is whole for the next call, once its body has ended."""
        task = asyncio.create_task(_ended(response))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

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

    async def _parts(
        self, response: aiohttp.ClientResponse, gather: Callable[[], float] | None
    ) -> AsyncGenerator[Part]:
        parser = EventParser()
        answer = _Answer()
        reads, seconds = 0, 0.0
        loop = asyncio.get_running_loop()
        progress = loop.time()
        while not answer.over:
            due = progress + self._timeouts.first_token
            if answer.began:
                due = min(due, loop.time() + self._timeouts.between)
            async with asyncio.timeout_at(due):
                chunk = await response.content.readany()
            if not chunk:
                break
            # What comes in one read goes on as one: each part costs a visit to every layer above.
            texts = [answer.read(self.name, data) for data in parser.feed(chunk)]
            if texts.count(None) < len(texts):
                progress = loop.time()
                text = "".join(filter(None, texts))
                if text:
                    yield Token(text, gathered=seconds > 0)
                    reads += 1
                    slow = gather is not None and reads >= AT_ONCE and (seconds > 0 or len(text) < MUCH)
                    seconds = gather() if slow and gather is not None else 0.0
                    if seconds and not answer.over:
                        await _left_alone(response, seconds)
        if not answer.finish:
            kind = ProviderCut if answer.began else ProviderFailed
            raise kind(f"{self.name} broke off before the answer was whole")
        if answer.tools:
            yield ToolCalls(answer.tool_calls())
        yield Usage(answer.finish, answer.prompt_tokens, answer.completion_tokens)

    async def check(self) -> None:
        """Raise ProviderFailed or ProviderTimeout unless the endpoint lists its models."""
        try:
            async with asyncio.timeout(self._timeouts.connect):
                async with self._session().get(
                    f"{self._base_url}/models", headers=self._headers(), allow_redirects=False
                ) as response:
                    if response.status >= 300:
                        raise await _refusal(self.name, response)
        except TimeoutError:
            raise ProviderTimeout(f"{self.name} does not answer") from None
        except (aiohttp.ClientError, OSError) as error:
            raise ProviderFailed(f"{self.name} cannot be reached: {_short(str(error))}") from error

    async def aclose(self) -> None:
        """Close the connections."""
        if self._http is not None and self._loop is asyncio.get_running_loop():
            for task in self._ending:
                task.cancel()
            await asyncio.gather(*self._ending, return_exceptions=True)
            await self._http.close()
        self._http = None

    def _session(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if self._http is None or self._loop is not loop:
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=self._timeouts.connect)
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE)
            traces = aiohttp.TraceConfig()
            traces.on_connection_reuseconn.append(_taken_again)
            self._http = aiohttp.ClientSession(timeout=timeout, connector=connector, trace_configs=[traces])
            self._loop = loop
        return self._http

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        return headers


@dataclass(slots=True)
class _Taken:
    """The connection of one call: whether another call had it before."""

    again: bool = False


async def _taken_again(_session: aiohttp.ClientSession, context: SimpleNamespace, _: Any) -> None:
    context.trace_request_ctx.again = True


async def _ended(response: aiohttp.ClientResponse) -> None:
    """Read a body to its end, which releases the connection; close what does not end (RFC 9112, section 9.3)."""
    try:
        async with asyncio.timeout(ENDING):
            while not response.content.at_eof():
                await response.content.readany()
    except (TimeoutError, aiohttp.ClientError, OSError):
        pass
    finally:
        response.close()


async def _left_alone(response: aiohttp.ClientResponse, seconds: float) -> None:
    """Leave what the endpoint sends to the system for so long: one read of four tokens costs what one of one does."""
    connection = response.connection
    transport = connection.transport if connection is not None else None
    if transport is None:
        return
    transport.pause_reading()
    try:
        await asyncio.sleep(seconds)
    finally:
        transport.resume_reading()


class _Answer:
    """What has been read of one answer."""

    def __init__(self) -> None:
        self.began = False
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

    def read(self, name: str, data: bytes) -> str | None:
        """Take the data of one event and return the text in it; None when it brings the answer no further."""
        if data == b"[DONE]":
            self.over = True
            return None
        try:
            event = orjson.loads(data)
        except orjson.JSONDecodeError:
            raise ProviderFailed(f"{name} sent what is not JSON") from None
        if not isinstance(event, dict):
            return None
        if event.get("error"):
            kind = ProviderCut if self.began else ProviderFailed
            raise kind(f"{name}: {_message(event)}")
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
        text = delta.get("content")
        if not isinstance(text, str) or not text:
            # Thinking that is not shown is progress all the same.
            return "" if delta.get("reasoning") or delta.get("reasoning_content") else None
        self.began = True
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
    kind = ProviderRefused if response.status in REFUSED else ProviderFailed
    return kind(f"{name} answered {response.status}: {words}", retry_after=retry_after, permanent=permanent)
