"""A session of the protocol over a gRPC call, from the client's side."""

import asyncio
from typing import Any

import grpc

from streaming.protocol import frames
from streaming.protocol.client import ClientEvent, ClientSession, Ended, Failed, Reading
from streaming.protocol.codec import SessionCodec
from streaming.protocol.codes import Mode
from streaming.transports.grpc.generated import aura_pb2, aura_pb2_grpc
from tests.live import LiveServer


def target(server: LiveServer) -> str:
    return f"127.0.0.1:{server.environment['AURA_GRPC_PORT']}"


def signed(key: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {key}"),)


# A receive window that does not grow with the speed of the line, so that what a line holds is known.
NARROW = [("grpc.http2.bdp_probe", 0)]


class GrpcLine:
    """`async with GrpcLine(server) as line`, then `follow` a reading of `line.session`."""

    def __init__(self, server: LiveServer, key: str = "", mode: Mode = Mode.TOKEN, credit: int = 0) -> None:
        self.session = ClientSession(SessionCodec(4_000_000), mode=mode)
        self.channel = grpc.aio.insecure_channel(target(server), options=NARROW)
        self._key = key or server.key
        self._credit = credit
        self.call: Any = None

    async def __aenter__(self) -> "GrpcLine":
        self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.call.cancel()
        await self.channel.close()

    def connect(self) -> None:
        """Begin a call, or another one after a broken line."""
        self.call = aura_pb2_grpc.AuraStub(self.channel).Session(metadata=signed(self._key))
        self.session.connect()
        if self._credit:
            hello, *rest = self.session.to_send
            assert isinstance(hello, frames.Hello)
            self.session.to_send = [frames.Hello(version=(1,), mode=hello.mode, credit=self._credit), *rest]

    async def send(self, *raw: bytes) -> None:
        """Send frames as they are."""
        for data in raw:
            await self.call.write(aura_pb2.Frame(data=data))

    async def flush(self) -> None:
        out, self.session.to_send = self.session.to_send, []
        await self.send(*(frames.encode(frame) for frame in out))

    async def receive(self) -> list[ClientEvent]:
        """Take one frame. Raises EOFError at the end of the call, AioRpcError for an end with an error."""
        message = await asyncio.wait_for(self.call.read(), 30)
        if message is grpc.aio.EOF:
            raise EOFError
        events = self.session.receive(message.data, frames.decode(message.data))
        await self.flush()
        return events

    async def follow(self, reading: Reading) -> list[ClientEvent]:
        """Return the events of a reading up to its end."""
        await self.flush()
        found: list[ClientEvent] = []
        while not found or not isinstance(found[-1], Ended | Failed):
            found += [event for event in await self.receive() if getattr(event, "reading", None) is reading]
        return found
