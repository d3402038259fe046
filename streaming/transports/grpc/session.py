"""One session of the protocol over one bidirectional call, a frame a message."""

import asyncio
import logging
from typing import Any

import grpc

from streaming.connections import Connection, connections
from streaming.protocol import frames
from streaming.protocol.codes import CloseCode
from streaming.protocol.errors import FrameError
from streaming.protocol.frames import Frame
from streaming.sessions import Session
from streaming.transports.grpc.generated import aura_pb2
from streaming.transports.grpc.status import Refusal

log = logging.getLogger(__name__)


class SessionCall:
    """Carries one session. Without a goodbye any end of the call is a broken line.

    A goodbye is a message of its own, because a call that is cancelled may look like one whose client's half has ended.
    """

    def __init__(self, user: Any, context: Any) -> None:
        self._context = context
        self._over: asyncio.Future[tuple[CloseCode, str]] = asyncio.get_running_loop().create_future()
        self.session = Session(user, self.transmit)
        self.connection = Connection("grpc", self.session, self.shut)

    async def run(self) -> None:
        """Return when the client has ended its half of the call. Raises Refusal when the session ends otherwise."""
        refusal = connections.refusal(self.session.user.pk)
        if refusal is not None:
            raise Refusal.of_close(refusal)
        connections.add(self.connection)
        reading = asyncio.create_task(self._read())
        leaving = False
        try:
            code, reason = await self._over
            leaving = code == CloseCode.NORMAL
            if code not in (CloseCode.NORMAL, CloseCode.GOING_AWAY):
                raise Refusal.of_close(code, reason)
        finally:
            reading.cancel()
            connections.remove(self.connection)
            await self.session.leave(leaving=leaving)

    async def _read(self) -> None:
        """Hand frames to the session until the client has ended its half, or sent what no client may send."""
        try:
            while (request := await self._context.read()) is not grpc.aio.EOF:
                if request.goodbye:
                    return self._end(CloseCode.NORMAL)
                await self.session.receive(frames.decode(request.data))
            self._end(CloseCode.GOING_AWAY)
        except FrameError as error:
            self._end(error.close_code, str(error))
        except Exception:
            if not self._context.done():
                log.exception("a frame could not be handled")
            self._end(CloseCode.INTERNAL_ERROR, "AURA failed here; what is on the record is safe")
        return None

    async def transmit(self, out: list[Frame]) -> int:
        """Send frames, one a message, and return their bytes. Waits while the client does not read. Raises OSError."""
        size = 0
        for frame in out:
            data = frames.encode(frame)
            try:
                await self._context.write(aura_pb2.Frame(data=data))
            except (grpc.RpcError, grpc.aio.UsageError, grpc.aio.InternalError) as error:
                raise ConnectionResetError("the call is over") from error
            size += len(data)
        return size

    async def shut(self, code: CloseCode) -> None:
        """Close from the server's side."""
        self._end(code)

    def _end(self, code: CloseCode, reason: str = "") -> None:
        """Say how the session ended. The first word counts."""
        if not self._over.done():
            self._over.set_result((code, reason))
