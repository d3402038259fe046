"""The protocols of uvicorn, without the cycles of references that they leave behind.

Some eighty objects of each WebSocket would otherwise stay until Python searches for such cycles (`streaming.cycles`).
"""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol


class HttpProtocol(HttpToolsProtocol):
    """HTTP/1.1. Its parser holds its methods; uvicorn lets go of it when a connection is lost, here also when it becomes a
    WebSocket."""

    def handle_websocket_upgrade(self) -> None:
        super().handle_websocket_upgrade()
        self.parser = None  # type: ignore[assignment]


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """WebSocket. Its parser is a generator that holds the connection and is held by it: it ends with the line."""

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.conn.parser.close()
