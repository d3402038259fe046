"""The least that a gateway in Python can do: pass an answer on, each event parsed and written anew. An ASGI application;
`UPSTREAM` is the address of the endpoint, with `/v1`."""

import os
from typing import Any

import aiohttp
import orjson

_session: list[aiohttp.ClientSession] = []


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Pass one request on."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                _session.append(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
                await send({"type": "lifespan.startup.complete"})
            else:
                await _session.pop().close()
                await send({"type": "lifespan.shutdown.complete"})
                return
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    url = os.environ["UPSTREAM"] + scope["path"].removeprefix("/v1")
    async with _session[0].post(url, data=body, headers={"Content-Type": "application/json"}) as response:
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        rest = b""
        async for chunk in response.content.iter_any():
            *events, rest = (rest + chunk).split(b"\n\n")
            for event in events:
                if event.startswith(b"data: {"):
                    event = b"data: " + orjson.dumps(orjson.loads(event[6:]))  # noqa: PLW2901
                await send({"type": "http.response.body", "body": event + b"\n\n", "more_body": True})
        await send({"type": "http.response.body", "body": rest})
