"""A client that leaves when it has the status of a streamed answer, and nothing of its body."""

import asyncio
from collections.abc import Mapping
from typing import Any

from channels.db import database_sync_to_async

from aura_site import asgi
from routing_ai.services import create_key


async def leave_behind_the_status(
    user: Any, method: str, path: str, query: str = "", headers: Mapping[str, str] | None = None
) -> None:
    """Ask as that user, in this process, and return when the server has seen the client leave."""
    _, key = await database_sync_to_async(create_key)(user, "test")
    given = {"Authorization": f"Bearer {key}", "Content-Type": "text/plain", "Host": "localhost", **(headers or {})}
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
    }
    begun = asyncio.Event()
    sent = iter([{"type": "http.request", "body": b"Hello"}])

    async def receive() -> dict[str, Any]:
        for message in sent:
            return message
        await begun.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        assert message["type"] == "http.response.start"
        assert message["status"] == 200
        begun.set()
        await asyncio.sleep(60)  # the line takes nothing

    async with asyncio.timeout(20):
        await asgi.behind(scope, receive, send)
