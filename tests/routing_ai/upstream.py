"""A real HTTP endpoint in OpenAI's shape, with the faults that endpoints have. Behaviour goes by the model's name."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from routing_ai import catalogue
from routing_ai.services import close_providers

TOOL_PIECES: list[dict[str, Any]] = [
    {"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}},
    {"index": 0, "function": {"arguments": '{"city": "Ber'}},
    {"index": 1, "id": "call_2", "type": "function", "function": {"name": "time", "arguments": "{}"}},
    {"index": 0, "function": {"arguments": 'lin"}'}},
]

# How endpoints say that a conversation is too long: OpenAI, llama.cpp, vLLM.
TOO_LONG: dict[str, dict[str, Any]] = {
    "too-long-openai": {"message": "Reduce the messages.", "code": "context_length_exceeded"},
    "too-long-llama": {
        "message": "request (9 tokens) exceeds the available context size (8 tokens), try increasing it",
        "type": "exceed_context_size_error",
        "code": 400,
    },
    "too-long-vllm": {"message": "This model's maximum context length is 8 tokens.", "type": "BadRequestError"},
}


@asynccontextmanager
async def configured(settings: Any) -> "AsyncIterator[Upstream]":
    """Run an endpoint that the settings name; what was made of the settings is forgotten before and afterwards."""
    server = Upstream()
    await server.start()
    settings.OPENAI_BASE_URL = server.url
    catalogue.reset()
    yield server
    await close_providers()
    await server.stop()


class Upstream:
    """`counts` says how many calls began, and how many were left before their end."""

    def __init__(self) -> None:
        self.began = 0
        self.left = 0
        self.elsewhere = 0
        self.connections: set[Any] = set()
        self.requests: list[dict[str, Any]] = []
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        application = web.Application()
        application.router.add_post("/v1/chat/completions", self._complete)
        application.router.add_get("/v1/models", self._models)
        application.router.add_route("*", "/v1/elsewhere", self._elsewhere)
        self._runner = web.AppRunner(application, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"

    async def stop(self) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _models(self, _request: web.Request) -> web.Response:
        return web.json_response({"data": []})

    async def _elsewhere(self, _request: web.Request) -> web.Response:
        self.elsewhere += 1
        return web.json_response({})

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append({"body": body, "key": request.headers.get("Authorization", "")})
        self.began += 1
        assert request.transport is not None
        self.connections.add(request.transport.get_extra_info("peername"))
        try:
            return await self._answer(request, body["model"])
        except (asyncio.CancelledError, ConnectionError):
            self.left += 1
            raise

    async def _answer(self, request: web.Request, model: str) -> web.StreamResponse:
        if model == "slow-headers":
            await asyncio.sleep(30)
        if model.startswith("flaky-") and self.began <= int(model[6:]):
            return web.json_response({"error": {"message": "not yet"}}, status=503)
        if model.startswith("redirect-"):
            return web.Response(status=int(model[9:]), headers={"Location": f"{self.url}/elsewhere"})
        if model in TOO_LONG:
            return web.json_response({"error": TOO_LONG[model]}, status=400)
        if model.startswith("status-"):
            error = {"error": {"message": "no luck today"}}
            return web.json_response(error, status=int(model[7:]), headers={"Retry-After": "7"})
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        if model == "silent":
            await asyncio.sleep(30)
        if model.startswith("late-"):
            await asyncio.sleep(int(model[5:]) / 1000)
        if model in WHOLE:
            for data in WHOLE[model]:
                await response.write(_event(data))
            return response
        return await self._words(request, response, model)

    async def _words(self, request: web.Request, response: web.StreamResponse, model: str) -> web.StreamResponse:
        if model == "chatty":
            for number in range(2_000):
                await response.write(_event(_choice({"content": f"{number} "})))
                await asyncio.sleep(0.001)
        if model == "trickle":
            for number in range(40):
                await response.write(_event(_choice({"content": f"{number} "})))
                await asyncio.sleep(0.005)
        for word in ("One", " two", " ثلاثة", " four"):
            await response.write(_event(_choice({"content": word})))
            if model == "cut":
                assert request.transport is not None
                request.transport.close()
                return response
            while model == "alive":
                await response.write(b": still here\n\n")
                await asyncio.sleep(0.05)
            if model in ("stall", "endless"):
                await asyncio.sleep(30)
        if model == "no-end":
            return response
        await response.write(_event(_choice({}, "length" if model == "long" else "stop")))
        await response.write(_event(json.dumps({"choices": [], "usage": USAGE}).encode()))
        await response.write(_event(b"[DONE]"))
        return response


def _event(data: bytes) -> bytes:
    return b"data: " + data + b"\n\n"


def _choice(delta: dict[str, Any], finish: str | None = None) -> bytes:
    return json.dumps({"choices": [{"delta": delta, "finish_reason": finish}]}).encode()


def _usage(prompt: int, completion: int) -> bytes:
    return json.dumps({"choices": [], "usage": {"prompt_tokens": prompt, "completion_tokens": completion}}).encode()


USAGE = {"prompt_tokens": 11, "completion_tokens": 4}
# Answers that come at once.
WHOLE = {
    "garbage": [b"{not json"],
    "error-event": [b'{"error": {"message": "out of memory"}}'],
    "empty": [_choice({"content": ""}, "stop"), b"[DONE]"],
    "stop-without-a-word": [_choice({"content": ""}, "stop"), _usage(11, 0), b"[DONE]"],
    "counted-and-gone": [_choice({"reasoning_content": "Hm"}), _usage(11, 4)],
    "thinking": [_choice({"reasoning_content": "Hm"}), _choice({}, "length"), _usage(11, 100), b"[DONE]"],
    "refusal": [
        *(_choice({"content": None, "refusal": word}) for word in ("I", " cannot", " help")),
        _choice({}, "stop"),
        _usage(11, 3),
        b"[DONE]",
    ],
    "tools": [*(_choice({"tool_calls": [piece]}) for piece in TOOL_PIECES), _choice({}, "tool_calls"), b"[DONE]"],
}


class ThreadedUpstream(Upstream):
    """The same on an event loop of its own, for tests that have none or whose loop is busy."""

    def __enter__(self) -> "ThreadedUpstream":
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.start(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self.stop(), self._loop).result(70)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
