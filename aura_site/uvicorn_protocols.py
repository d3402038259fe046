"""The protocols of uvicorn, without the cycles of references that they leave behind, and with a shorter way for what is sent
most.

Some eighty objects of each WebSocket would otherwise stay until Python searches for such cycles (`streaming.cycles`).
"""

import struct

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import OPEN

# RFC 6455, section 5.2: one unfragmented frame with a binary message, and how the length of a longer one is told.
_BINARY = 0x82
_SHORT, _MEDIUM = 125, 65_535


class HttpProtocol(HttpToolsProtocol):
    """HTTP/1.1. Its parser holds its methods; uvicorn lets go of it when a connection is lost, here also when it becomes a
    WebSocket."""

    def handle_websocket_upgrade(self) -> None:
        super().handle_websocket_upgrade()
        self.parser = None  # type: ignore[assignment]


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """WebSocket. Its parser is a generator that holds the connection and is held by it: it ends with the line."""

    async def send(self, message: ASGISendEvent) -> None:
        """Send a message; a binary one on an open line without the ten calls that all kinds of frames take."""
        data = message.get("bytes") if message["type"] == "websocket.send" else None
        if data is None or not self._is_plain():
            await super().send(message)
        else:
            self.transport.write(_head(len(data)) + data)

    def _is_plain(self) -> bool:
        """Return whether a message may go out at once, and as it is."""
        conn = self.conn
        return (
            self.handshake_complete
            and self.writable.is_set()
            and conn.state is OPEN
            and not (self.disconnected or self.close_sent or conn.extensions or conn.expect_continuation_frame)
        )

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.conn.parser.close()


def _head(size: int) -> bytes:
    """Return what stands before a binary message of so many bytes."""
    if size <= _SHORT:
        return bytes((_BINARY, size))
    if size <= _MEDIUM:
        return struct.pack("!BBH", _BINARY, 126, size)
    return struct.pack("!BBQ", _BINARY, 127, size)
