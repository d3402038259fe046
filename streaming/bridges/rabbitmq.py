"""RabbitMQ Streams. `rabbitmq://USER:PASSWORD@HOST[:5552][/VHOST][?create=true&tls=true]`, the channel is the stream."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import SplitResult, unquote

import orjson

from streaming.bridges import base
from streaming.bridges.base import WAIT, Delivery, Message
from streaming.bridges.errors import Refused, Unavailable
from streaming.bridges.queued import Queued

PACKAGE = "rstream>=1.1.1,<2"
# Bytes of a frame; RabbitMQ takes 1 MiB by default.
FRAME = 1_040_000
PATIENCE = 10.0


class _NoRecovery:
    """No reconnects by the client: a reader that begins again at its checkpoint is the one way out of trouble."""

    async def recover(self, *_given: Any, **_named: Any) -> None: ...


class RabbitMQ:
    """See `Bridge`."""

    def __init__(self, url: SplitResult) -> None:
        given = base.options(url, create="false", tls="false")
        self._rstream = base.client("rstream", PACKAGE)
        self._create = given["create"] == "true"
        port = base.port_of("rabbitmq", url.netloc.rpartition("@")[2]) or 5552
        self._where: dict[str, Any] = {
            "host": url.hostname,
            "port": port,
            "vhost": unquote(url.path.removeprefix("/")) or "/",
            "username": unquote(url.username or "guest"),
            "password": unquote(url.password or "guest"),
            "ssl_context": ssl.create_default_context() if given["tls"] == "true" else None,
            "max_retries": 1,
            "recovery_strategy": _NoRecovery(),
        }

    async def source(self, channel: str, positions: Mapping[str, str]) -> "_Source":
        """See `Bridge`."""
        source = _Source()
        consumer = source.consumer = self._rstream.Consumer(**self._where, on_close_handler=source.on_close)
        async with _said(), base.closing_on_failure(source.aclose):
            await self._find(consumer, channel)
            await source.subscribe(self._rstream, channel, int(positions.get("", "-1")) + 1)
        return source

    async def end(self, channel: str) -> dict[str, str]:
        """See `Bridge`."""
        source = _Source()
        consumer = source.consumer = self._rstream.Consumer(**self._where, on_close_handler=source.on_close)
        async with _said(), base.closing_on_failure(source.aclose):
            await self._find(consumer, channel)
            await source.subscribe(self._rstream, channel, None)
        # The last chunk comes, from an empty stream none, and then what is written meanwhile.
        last, until = "-1", time.monotonic() + 2 * WAIT
        try:
            while time.monotonic() < until and (found := await source.receive()):
                last = found[-1].position
        finally:
            await source.aclose()
        return {"": last}

    async def sink(self, channel: str, _mark: str = "") -> "_Sink":
        """See `Bridge`."""
        sink = _Sink(self._rstream, channel)
        producer = sink.producer = self._rstream.Producer(**self._where, on_close_handler=sink.on_close)
        async with _said(), base.closing_on_failure(sink.aclose):
            await producer.start()
            await self._find(producer, channel)
        return sink

    async def _find(self, client: Any, stream: str) -> None:
        if self._create:
            await client.create_stream(stream, exists_ok=True)
        elif not await client.stream_exists(stream):
            raise Unavailable(f"RabbitMQ has no stream {stream!r}: make it, or add ?create=true")


class _Source(Queued):
    consumer: Any = None

    async def subscribe(self, rstream: Any, stream: str, start: int | None) -> None:
        """Begin at an offset, or, without one, with the last chunk."""

        async def arrived(message: tuple[bytes, dict[str, str]], context: Any) -> None:
            # The broker sends whole chunks, so some of what is before the place comes again.
            if start is None or context.offset >= start:
                at, offset = context.timestamp / 1000, context.offset
                await self.put(Delivery(Message.arrived(*message), "", str(offset), offset, at))

        def read(data: bytes) -> tuple[bytes, dict[str, str]]:
            # The client drops a message, and those behind it in its chunk, when this raises.
            try:
                return _read(rstream.amqp_decoder(data))
            except Exception:
                return bytes(data), {}

        await self.consumer.subscribe(
            stream,
            arrived,
            decoder=read,
            offset_specification=rstream.ConsumerOffsetSpecification(
                rstream.OffsetType.LAST if start is None else rstream.OffsetType.OFFSET, start
            ),
        )

    async def on_close(self, info: Any) -> None:
        self.fail(f"RabbitMQ: {info.reason}")

    async def aclose(self) -> None:
        await super().aclose()
        await _close(self.consumer)


class _Sink:
    mark = ""
    producer: Any = None

    def __init__(self, rstream: Any, stream: str) -> None:
        self._rstream = rstream
        self._stream = stream
        self._waiting: asyncio.Future[None] | None = None
        self._unconfirmed: set[int] = set()
        self._next = 0

    async def send(self, messages: Sequence[Message]) -> None:
        part: list[tuple[int, Any]] = []
        size = 0
        for index, message in enumerate(messages):
            made = self._made(message)
            length = len(bytes(made)) + 16
            if length > FRAME:
                await self._publish(part)
                raise Refused(index, f"RabbitMQ takes messages of at most {FRAME} bytes")
            if size + length > FRAME:
                await self._publish(part)
                part, size = [], 0
            part.append((index, made))
            size += length
        await self._publish(part)

    def _made(self, message: Message) -> Any:
        self._next += 1
        headers = message.all_headers()
        made = self._rstream.AMQPMessage(body=message.body, application_properties=headers or None)
        made.publishing_id = self._next
        return made

    async def _publish(self, part: Sequence[tuple[int, Any]]) -> None:
        """Send a frame and wait until the broker has confirmed all that is in it."""
        if not part:
            return
        self._waiting = asyncio.get_running_loop().create_future()
        self._unconfirmed = {made.publishing_id for _, made in part}
        async with _said():
            await self.producer.send_batch(
                self._stream, [made for _, made in part], on_publish_confirm=self._on_confirm
            )
            async with asyncio.timeout(PATIENCE):
                await self._waiting

    async def _on_confirm(self, status: Any) -> None:
        self._unconfirmed.discard(status.message_id)
        if self._waiting is None or self._waiting.done():
            return
        if not status.is_confirmed:
            self._waiting.set_exception(Unavailable(f"RabbitMQ did not take a message (code {status.response_code})"))
        elif not self._unconfirmed:
            self._waiting.set_result(None)

    async def on_close(self, info: Any) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(Unavailable(f"RabbitMQ: {info.reason}"))

    async def aclose(self) -> None:
        await _close(self.producer)


def _read(message: Any) -> tuple[bytes, dict[str, str]]:
    """Return body and headers. What others send as a value or a sequence of AMQP is a text, else JSON."""
    body = next((one for one in (message.body, message.value, message.sequence) if one is not None), b"")
    if not isinstance(body, bytes):
        body = body.encode() if isinstance(body, str) else orjson.dumps(_plain(body), default=str)
    given = message.application_properties or {}
    return body, {_text(name): _text(value) for name, value in given.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {_text(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return _text(value) if isinstance(value, bytes) else value


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


@asynccontextmanager
async def _said() -> AsyncIterator[None]:
    """Turn the client's errors into Unavailable."""
    from rstream.exceptions import ClientError, ServerError

    try:
        yield
    except (ServerError, ClientError, OSError, AssertionError, EOFError) as error:
        raise Unavailable(f"RabbitMQ: {type(error).__name__} {error}".rstrip()) from None


async def _close(client: Any) -> None:
    with suppress(Exception):
        async with asyncio.timeout(5):
            await client.close()
