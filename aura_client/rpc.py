"""AURA over gRPC: a session of the protocol in one bidirectional call. Needs `grpcio` and `protobuf`."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import grpc

from aura_client.chat import SessionClient
from streaming.lines import FRAME_LIMIT, Line, LineClosed, LineRefused
from streaming.protocol.codes import Mode
from streaming.transports.grpc.generated import aura_pb2, aura_pb2_grpc

# Seconds for a goodbye to be heard.
GOODBYE = 2.0
CLOSE_CODE_KEY = "aura-close-code"
OPTIONS = [
    ("grpc.max_receive_message_length", FRAME_LIMIT),
    # The client has its own way to try again, and begins with a new connection each time.
    ("grpc.enable_retries", 0),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 20_000),
]
Code = grpc.StatusCode
# What no other attempt makes better.
_HOPELESS = {Code.UNAUTHENTICATED, Code.PERMISSION_DENIED, Code.UNIMPLEMENTED, Code.INVALID_ARGUMENT, Code.NOT_FOUND}


class GrpcClient(SessionClient):
    """As `Client`, over gRPC: `async with GrpcClient("127.0.0.1:50051", key) as aura`.

    `credentials` are those of a channel with TLS; without them the line is plain. From `libraries`, the address of the same
    installation for HTTP, it fetches the codec's library; without it messages are longer.
    """

    def __init__(
        self,
        target: str,
        key: str,
        *,
        credentials: grpc.ChannelCredentials | None = None,
        mode: Mode = Mode.TOKEN,
        libraries: str = "",
        patience: float = 120.0,
    ) -> None:
        super().__init__(target, key, _opening(credentials), mode=mode, libraries=libraries, patience=patience)


class GrpcLine:
    """A line over a call of `Session`."""

    def __init__(self, channel: grpc.aio.Channel, key: str) -> None:
        self._channel = channel
        metadata = (("authorization", f"Bearer {key}"),)
        self._call: Any = aura_pb2_grpc.AuraStub(channel).Session(metadata=metadata)
        self._reading: asyncio.Task[bytes] | None = None
        self._closing: asyncio.Task[None] | None = None

    async def send(self, data: bytes) -> None:
        """See `Line`."""
        try:
            await self._call.write(aura_pb2.Frame(data=data))
        except grpc.aio.AioRpcError as error:
            raise _broken(error) from None
        except asyncio.InvalidStateError:
            raise await self._end() from None

    async def receive(self) -> bytes:
        """See `Line`."""
        # A read that is cancelled would cancel the call, and leave no way to say goodbye.
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())
        try:
            return await asyncio.shield(self._reading)
        finally:
            if self._reading.done():
                self._reading = None

    async def _read(self) -> bytes:
        try:
            message = await self._call.read()
        except grpc.aio.AioRpcError as error:
            raise _broken(error) from None
        if message is grpc.aio.EOF:
            raise await self._end()
        return bytes(message.data)

    async def _end(self) -> LineClosed | LineRefused:
        """Return how a call ended that is over."""
        code = await self._call.code()
        if code == Code.OK:
            return LineClosed(0)
        details = await self._call.details()
        return _ended(code, str(details or ""), await self._call.trailing_metadata())

    async def close(self) -> None:
        """See `Line`."""
        with suppress(grpc.RpcError, asyncio.InvalidStateError, TimeoutError):
            async with asyncio.timeout(GOODBYE):
                await self._call.write(aura_pb2.Frame(goodbye=True))
                await self._call.done_writing()
                await self._call.code()
        await self._shut()

    def drop(self) -> None:
        """See `Line`."""
        self._closing = asyncio.ensure_future(self._shut())

    async def _shut(self) -> None:
        self._call.cancel()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])
        await self._channel.close()


def _opening(credentials: grpc.ChannelCredentials | None) -> Callable[[str, str], Awaitable[Line]]:
    async def opening(target: str, key: str) -> Line:
        if credentials is None:
            return GrpcLine(grpc.aio.insecure_channel(target, OPTIONS), key)
        return GrpcLine(grpc.aio.secure_channel(target, credentials, OPTIONS), key)

    return opening


def _broken(error: grpc.aio.AioRpcError) -> LineClosed | LineRefused:
    return _ended(error.code(), str(error.details() or ""), error.trailing_metadata())


def _ended(code: grpc.StatusCode, details: str, metadata: Any) -> LineClosed | LineRefused:
    """Return what a status means. The server names the close code of the session, if it was the server that ended it."""
    for name, value in metadata or ():
        if name == CLOSE_CODE_KEY:
            return LineClosed(int(value), details)
    if code in _HOPELESS:
        return LineRefused(f"the server refused the call: {details}", None)
    if code == Code.RESOURCE_EXHAUSTED:
        return LineRefused(details, 1.0)
    return LineClosed(0, details)
