"""What happens when a server process starts and stops."""

import asyncio
import logging
import signal
import threading
from collections.abc import Awaitable, Callable
from types import FrameType
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
        self._draining: asyncio.Task[None] | None = None

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
        self._catch_sigterm()

    def _catch_sigterm(self) -> None:
        """Drain before the server hears of SIGTERM: it would close every WebSocket at once."""
        if threading.current_thread() is not threading.main_thread():
            return
        loop = asyncio.get_running_loop()
        server = signal.getsignal(signal.SIGTERM)

        async def drain_first(number: int, frame: FrameType | None) -> None:
            try:
                await streaming.drain()
            finally:
                signal.signal(signal.SIGTERM, server)
                if callable(server):
                    server(number, frame)

        def on_sigterm(number: int, frame: FrameType | None) -> None:
            if self._draining is None:
                self._draining = loop.create_task(drain_first(number, frame))
                # A handler may run while the loop sleeps; this wakes it.
                loop.call_soon_threadsafe(lambda: None)

        signal.signal(signal.SIGTERM, on_sigterm)

    async def _shutdown(self) -> None:
        if self._warming is not None:
            self._warming.cancel()
        await streaming.shutdown()
        await routing.close_providers()
        await asyncio.to_thread(journal().close)
