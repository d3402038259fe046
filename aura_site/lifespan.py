"""What happens when a server process starts and stops."""

import asyncio
import logging
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from aura_site.process_lock import AnotherServer
from aura_site.serving import Serving, rpc_address
from aura_site.upgrades import UpgradeError
from streaming.asgi import Receive, Scope, Send
from streaming.transports.grpc.errors import Unbound

log = logging.getLogger(__name__)


class Lifespan:
    """An ASGI application that answers the lifespan protocol, and passes all else on. When the server ends `last` is
    called."""

    def __init__(self, application: Any, last: Callable[[], object]) -> None:
        self.application = application
        self._last = last
        self._serving: Serving | None = None
        self._draining: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self.application(scope, receive, send)
            return
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    await self._startup()
                except (AnotherServer, UpgradeError, Unbound, ImproperlyConfigured) as error:
                    log.critical("%s", error)
                    await send({"type": "lifespan.startup.failed", "message": str(error)})
                    return
                await send({"type": "lifespan.startup.complete"})
            else:
                if self._serving is not None:
                    await self._serving.stop()
                self._last()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _startup(self) -> None:
        self._serving = Serving(rpc_address())
        try:
            await self._serving.start()
        except (AnotherServer, UpgradeError, Unbound, ImproperlyConfigured):
            await self._serving.stop()
            raise
        self._catch_sigterm(self._serving)

    def _catch_sigterm(self, serving: Serving) -> None:
        """Drain before the server hears of SIGTERM: it would close every WebSocket at once."""
        if threading.current_thread() is not threading.main_thread():
            return
        loop = asyncio.get_running_loop()
        server = signal.getsignal(signal.SIGTERM)

        async def drain_first(number: int, frame: FrameType | None) -> None:
            try:
                await serving.drain()
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
