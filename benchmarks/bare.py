"""What AURA is measured against: an echo as a beginner writes it with Channels, and one with `websockets` alone.

`application` is for uvicorn and daphne; `python -m benchmarks.bare PORT` runs the other one.
"""

import asyncio
import logging
import sys
from contextlib import suppress

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.urls import path
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

if not settings.configured:
    settings.configure()


class Echo(AsyncWebsocketConsumer):
    """Sends back what comes."""

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        await self.send(text_data=text_data, bytes_data=bytes_data)


application = ProtocolTypeRouter({"websocket": URLRouter([path("echo/", Echo.as_asgi())])})


async def echo(socket: ServerConnection) -> None:
    """Send back what comes."""
    with suppress(ConnectionClosed):
        async for message in socket:
            await socket.send(message)


async def main(port: int) -> None:
    """Serve with `websockets` alone."""
    async with serve(echo, "127.0.0.1", port, compression=None) as server:
        await server.serve_forever()


if __name__ == "__main__":
    logging.disable()
    asyncio.run(main(int(sys.argv[1])))
