"""A WebSocket client that costs next to nothing, so that what is measured is the server (RFC 6455, client side)."""

import asyncio
import base64
import os
from collections.abc import Callable

HEAD = 2
BINARY, CLOSE, PING, PONG = 2, 8, 9, 10


class Line(asyncio.Protocol):
    """One connection; `on_message` gets the bytes of each binary message. Use `open_line`."""

    def __init__(self, request: bytes, on_message: Callable[[bytes], None]) -> None:
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.closed = False
        self.on_message = on_message
        self.on_lost: Callable[[], None] | None = None
        self._request = request
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._request)

    def connection_lost(self, _error: Exception | None) -> None:
        self.closed = True
        if self.on_lost is not None:
            self.on_lost()
        if not self.opened.done():
            self.opened.set_exception(ConnectionError("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self.opened.done():
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            if not head.startswith(b"HTTP/1.1 101"):
                self.opened.set_exception(ConnectionError(head.decode(errors="replace")))
                return
            self.opened.set_result(None)
            self._buffer = rest
        self._read_frames()

    def _read_frames(self) -> None:
        buffer, place = self._buffer, 0
        while len(buffer) - place >= HEAD:
            length, body = buffer[place + 1], place + HEAD
            if length == 126:
                length, body = int.from_bytes(buffer[place + 2 : place + 4], "big"), place + 4
            elif length == 127:
                length, body = int.from_bytes(buffer[place + 2 : place + 10], "big"), place + 10
            if len(buffer) < body + length:
                break
            kind = buffer[place] & 15
            data = buffer[body : body + length]
            place = body + length
            if kind == PING:
                self._write(PONG, data)
            elif kind != CLOSE:
                self.on_message(data)
        self._buffer = buffer[place:]

    def send(self, data: bytes) -> None:
        """Send a binary message."""
        self._write(BINARY, data)

    def _write(self, kind: int, data: bytes) -> None:
        assert self._transport is not None
        size = len(data)
        length = bytes((0x80 | size,)) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
        # A mask of zeros is a mask; masks protect proxies from scripts, and there are none here.
        self._transport.write(bytes((0x80 | kind,)) + length + bytes(4) + data)

    def abort(self) -> None:
        """Break the line."""
        if self._transport is not None:
            self._transport.abort()


async def open_line(
    port: int, path: str, on_message: Callable[[bytes], None], headers: str = "", *, host: str = "127.0.0.1"
) -> Line:
    """Return a connection to a server, by default on this machine. `headers` end with CRLF each. Raises ConnectionError."""
    key = base64.b64encode(os.urandom(16)).decode()
    request = (
        f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n{headers}\r\n"
    )
    loop = asyncio.get_running_loop()
    _, line = await loop.create_connection(lambda: Line(request.encode(), on_message), host, port)
    await line.opened
    return line
