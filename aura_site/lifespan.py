"""What happens when a server process starts and stops."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from audit.journal import journal
from routing_ai import services as routing
from streaming import services as streaming

log = logging.getLogger(__name__)

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Lifespan:
    """An ASGI application that answers the lifespan protocol and passes all else on."""

    def __init__(self, application: Any) -> None:
        self.application = application
        self._warming: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self.application(scope, receive, send)
            return
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self._startup()
                await send({"type": "lifespan.startup.complete"})
            else:
                await self._shutdown()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _startup(self) -> None:
        try:
            await streaming.startup()
        except Exception:
            # The server comes up all the same: /health says what is wrong.
            log.exception("what an earlier process left could not be healed")
        self._warming = asyncio.create_task(routing.warm_up())

    async def _shutdown(self) -> None:
        if self._warming is not None:
            self._warming.cancel()
        await streaming.shutdown()
        await routing.close_providers()
        await asyncio.to_thread(journal().close)
