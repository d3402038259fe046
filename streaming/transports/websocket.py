"""WebSocket: one session a connection, frames as binary messages (`aura.v1`) or JSON (`aura.v1.json`)."""

import asyncio
import logging
from contextlib import suppress
from typing import Any

from channels.consumer import AsyncConsumer
from channels.exceptions import StopConsumer

from streaming import identity
from streaming.asgi import Receive, Send
from streaming.connections import Connection, connections
from streaming.identifiers import new_identifier
from streaming.protocol import frames
from streaming.protocol.codes import CloseCode, Mode
from streaming.protocol.errors import FrameError
from streaming.protocol.frames import Frame
from streaming.protocol.json_form import JsonForm
from streaming.sessions import Session

log = logging.getLogger(__name__)

JSON_SUBPROTOCOL = f"{frames.SUBPROTOCOL}.json"
# The payload of a prompt may be as long as the message limit; fields and head need little more.
FRAME_MARGIN = 4_096
REASON_LIMIT = 120
# Seconds for a close frame to get into a line that is full.
CLOSE_PATIENCE = 3.0


class ChatConsumer(AsyncConsumer):
    """Carries one session of the chat. Every refusal is a numbered close code after the handshake, because a browser
    cannot see why a handshake itself was refused."""

    transport = "websocket"

    session: Session
    connection: Connection | None = None
    json: JsonForm | None = None
    closed = False

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Carry the connection to its end. Without a channel layer there is one thing to wait for, and no need of a task for
        every message, as Channels has."""
        self.scope = scope
        self.base_send = send
        try:
            with suppress(StopConsumer):
                while True:
                    await self.dispatch(await receive())
        finally:
            await self._leave(leaving=False)

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Call the handler directly: database connections are looked after where they are used."""
        handler = {
            "websocket.connect": self.websocket_connect,
            "websocket.receive": self.websocket_receive,
            "websocket.disconnect": self.websocket_disconnect,
        }[message["type"]]
        await handler(message)

    async def websocket_connect(self, _message: dict[str, Any]) -> None:
        offered = self.scope.get("subprotocols", [])
        chosen = next((name for name in offered if name in (frames.SUBPROTOCOL, JSON_SUBPROTOCOL)), None)
        await self.base_send({"type": "websocket.accept", "subprotocol": chosen})
        if offered and chosen is None:
            return await self.refuse(CloseCode.UNSUPPORTED_VERSION, f"offer {frames.SUBPROTOCOL}")
        if not identity.origin_allowed(self.scope):
            return await self.refuse(CloseCode.FORBIDDEN_ORIGIN, "this page may not connect here")
        user = await identity.user_of(self.scope)
        if user is None:
            return await self.refuse(CloseCode.UNAUTHENTICATED, "sign in, or send an API key")
        refusal = connections.refusal(user.pk)
        if refusal is not None:
            return await self.refuse(refusal, refusal.name.lower().replace("_", " "))
        if chosen != frames.SUBPROTOCOL:
            self.json = JsonForm(lambda: new_identifier().bytes)
        self.session = Session(user, self.transmit, plain=self.json is not None)
        self.connection = Connection(self.transport, self.session, self.shut)
        connections.add(self.connection)
        return None

    async def websocket_receive(self, message: dict[str, Any]) -> None:
        if self.connection is None or self.closed:
            return
        session = self.session
        try:
            for frame in self._frames(message):
                await session.receive(frame)
        except FrameError as error:
            await self.refuse(error.close_code, str(error))
        except Exception:
            log.exception("a frame could not be handled")
            await self.refuse(CloseCode.INTERNAL_ERROR, "AURA failed here; what is on the record is safe")

    def _frames(self, message: dict[str, Any]) -> list[Frame]:
        data, text = message.get("bytes"), message.get("text")
        limit = self.session.codec.limit + FRAME_MARGIN
        if len(data or text or "") > limit:
            raise FrameError(f"a frame has at most {limit} bytes", CloseCode.FRAME_TOO_LARGE)
        if self.json is None:
            if data is None:
                raise FrameError("frames are binary messages")
            return [frames.decode(data)]
        if text is None:
            raise FrameError("with this subprotocol frames are JSON in text messages")
        frame = self.json.decode(text)
        if self.session.protocol.greeted or isinstance(frame, frames.Hello):
            return [frame]
        return [frames.Hello(version=(frames.VERSION,), mode=Mode.TOKEN, client="json"), frame]

    async def websocket_disconnect(self, message: dict[str, Any]) -> None:
        await self._leave(leaving=message.get("code") == CloseCode.NORMAL)
        raise StopConsumer

    async def _leave(self, *, leaving: bool) -> None:
        """Count the connection out and end its session, once, however the line ended."""
        connection, self.connection = self.connection, None
        if connection is not None:
            connections.remove(connection)
            session = self.session
            # It knows how to send here: together they would wait for Python's search for cycles.
            del self.session
            await session.leave(leaving=leaving)

    async def transmit(self, out: list[Frame]) -> int:
        """Send frames, one a message, and return their bytes. Waits while the line is full."""
        size = 0
        for frame in () if self.closed else out:
            if self.json is None:
                data = frames.encode(frame)
                size += len(data)
                await self.base_send({"type": "websocket.send", "bytes": data})
            else:
                text = self.json.encode(frame)
                size += len(text.encode())
                await self.base_send({"type": "websocket.send", "text": text})
        return size

    async def shut(self, code: CloseCode) -> None:
        """Close from the server's side."""
        await self.refuse(code, code.name.lower().replace("_", " "))

    async def refuse(self, code: CloseCode, reason: str) -> None:
        """Close with a code and a reason that fits a close frame. Who does not take it is not waited for."""
        if self.closed:
            return
        self.closed = True
        short = reason.encode()[:REASON_LIMIT].decode(errors="ignore")
        try:
            async with asyncio.timeout(CLOSE_PATIENCE):
                await self.base_send({"type": "websocket.close", "code": int(code), "reason": short})
        except TimeoutError:
            log.info("a client that reads nothing is let go")
            await self._leave(leaving=False)
