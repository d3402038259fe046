"""A real HTTP endpoint in OpenAI's shape, with the faults that endpoints have. Behaviour goes by the model's name."""

import asyncio
import json
from typing import Any

from aiohttp import web


class Upstream:
    """`counts` says how many calls began, and how many were left before their end."""

    def __init__(self) -> None:
        self.began = 0
        self.left = 0
        self.requests: list[dict[str, Any]] = []
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        application = web.Application()
        application.router.add_post("/v1/chat/completions", self._complete)
        application.router.add_get("/v1/models", self._models)
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

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append({"body": body, "key": request.headers.get("Authorization", "")})
        self.began += 1
        try:
            return await self._answer(request, body["model"])
        except (asyncio.CancelledError, ConnectionError):
            self.left += 1
            raise

    async def _answer(self, request: web.Request, model: str) -> web.StreamResponse:
        if model == "slow-headers":
            await asyncio.sleep(30)
        if model.startswith("status-"):
            error = {"error": {"message": "no luck today"}}
            return web.json_response(error, status=int(model[7:]), headers={"Retry-After": "7"})
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        if model == "silent":
            await asyncio.sleep(30)
        if model == "garbage":
            await response.write(b"data: {not json\n\n")
            return response
        if model == "error-event":
            await response.write(b'data: {"error": {"message": "out of memory"}}\n\n')
            return response
        for word in ("One", " two", " ثلاثة", " four"):
            await response.write(_event({"choices": [{"delta": {"content": word}, "finish_reason": None}]}))
            if model == "cut":
                assert request.transport is not None
                request.transport.close()
                return response
            if model in ("stall", "endless"):
                await asyncio.sleep(30)
        if model == "no-end":
            return response
        await response.write(
            _event({"choices": [{"delta": {}, "finish_reason": "length" if model == "long" else "stop"}]})
        )
        await response.write(_event({"choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 4}}))
        await response.write(b"data: [DONE]\n\n")
        return response


def _event(data: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(data).encode() + b"\n\n"
