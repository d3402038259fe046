"""Lines: what carries the frames of one session, from the client's side. Here is the WebSocket; `aura_client` has more."""

from typing import Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from streaming.protocol import frames

MESSAGE_LIMIT = 262_144
FRAME_LIMIT = MESSAGE_LIMIT * 2


class LineClosed(ConnectionError):
    """The line is gone. `code` is the close code it ended with (docs/reference/protocol.md, section 11), 0 for none."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(
            f"{reason or 'the line is gone'} (close code {code})" if code else reason or "the line is gone"
        )
        self.code = code
        self.reason = reason


class LineRefused(ConnectionError):
    """There is no line to be had. `retry_after` says after how many seconds the same may work, None that it never will."""

    def __init__(self, reason: str, retry_after: float | None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Line(Protocol):
    """An open line. `send` is never called by two at a time, nor `receive`."""

    async def send(self, data: bytes) -> None:
        """Send a frame; wait while the line is full. Raises LineClosed or LineRefused."""

    async def receive(self) -> bytes:
        """Return the next frame. Raises LineClosed or LineRefused."""
        ...

    async def close(self) -> None:
        """Say goodbye: the client does not come back."""

    def drop(self) -> None:
        """Break the line without a goodbye."""


class WebSocketLine:
    """A line over a WebSocket, one frame a message. Use `open_websocket`."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def send(self, data: bytes) -> None:
        """See `Line`."""
        try:
            await self._socket.send(data)
        except ConnectionClosed as closed:
            raise _closed(closed) from None

    async def receive(self) -> bytes:
        """See `Line`."""
        try:
            return await self._socket.recv(decode=False)
        except ConnectionClosed as closed:
            raise _closed(closed) from None

    async def close(self) -> None:
        """See `Line`."""
        await self._socket.close()

    def drop(self) -> None:
        """See `Line`."""
        self._socket.transport.abort()


async def open_websocket(url: str, key: str) -> WebSocketLine:
    """Return a line to that address (`ws://.../ws/chat/`). Raises LineRefused, OSError, TimeoutError and InvalidHandshake
    (of websockets)."""
    try:
        socket = await connect(
            url,
            subprotocols=[frames.SUBPROTOCOL],  # type: ignore[list-item]
            additional_headers={"Authorization": f"Bearer {key}"},
            compression=None,
            max_size=FRAME_LIMIT,
        )
    except InvalidStatus as refused:
        raise _refused(refused) from None
    return WebSocketLine(socket)


def _closed(closed: ConnectionClosed) -> LineClosed:
    return LineClosed(closed.rcvd.code, closed.rcvd.reason) if closed.rcvd is not None else LineClosed(0)


def _refused(refused: InvalidStatus) -> LineRefused:
    """Return the error for an HTTP status in the place of a handshake."""
    status = refused.response.status_code
    after = refused.response.headers.get("Retry-After", "")
    passing = status in (408, 425, 429) or status >= 500
    seconds = float(after) if after.isascii() and after.isdigit() else 1.0
    return LineRefused(f"the server refused the connection with status {status}", seconds if passing else None)
