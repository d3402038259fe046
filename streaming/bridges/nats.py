"""NATS JetStream. `nats://[USER:PASSWORD@]HOST[:PORT][?create=true]`, the channel is the subject.

A stream of the server must take the subject; with `create=true` one of the same name is made. The server itself leaves out
what is sent twice within its window (two minutes by default): the id of a message is its stream, epoch and offset.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import SplitResult, urlunsplit

from streaming.bridges import base
from streaming.bridges.base import BATCH, WAIT, Delivery, Message
from streaming.bridges.errors import Refused, Unavailable

# What the server tells duplicates by.
ID = "Nats-Msg-Id"
PATIENCE = 10.0


class Nats:
    """See `Bridge`."""

    def __init__(self, url: SplitResult) -> None:
        self._create = base.options(url, create="false")["create"] == "true"
        self._nats = base.client("nats", "bridges-nats")
        self._url = urlunsplit((url.scheme, url.netloc, "", "", ""))

    async def source(self, channel: str, positions: Mapping[str, str]) -> "_Source":
        """See `Bridge`."""
        from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

        start = int(positions.get("", "0")) + 1
        connection = await self._connect()
        async with _said(), base.closing_on_failure(lambda: _close(connection)):
            jetstream = connection.jetstream(timeout=PATIENCE)
            stream = await self._stream(jetstream, channel)
            subscription = await jetstream.pull_subscribe(
                channel,
                stream=stream,
                config=ConsumerConfig(
                    deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
                    opt_start_seq=start,
                    ack_policy=AckPolicy.NONE,
                    inactive_threshold=60.0,
                ),
            )
        return _Source(connection, subscription)

    async def sink(self, channel: str, _mark: str = "") -> "_Sink":
        """See `Bridge`."""
        connection = await self._connect()
        async with _said(), base.closing_on_failure(lambda: _close(connection)):
            jetstream = connection.jetstream(timeout=PATIENCE)
            await self._stream(jetstream, channel)
        return _Sink(connection, jetstream, channel)

    async def _connect(self) -> Any:
        # No reconnects by the client: a reader that begins again at its checkpoint is the one way out of trouble.
        connection = self._nats.NATS()
        async with _said(), base.closing_on_failure(lambda: _close(connection)):
            async with asyncio.timeout(PATIENCE):
                await connection.connect(
                    self._url, allow_reconnect=False, connect_timeout=5, max_reconnect_attempts=1,
                    reconnect_time_wait=0, error_cb=_nothing,
                )  # fmt: skip
        return connection

    async def _stream(self, jetstream: Any, subject: str) -> str:
        """Return the name of the stream that takes the subject."""
        from nats.js.errors import NotFoundError

        try:
            return str(await jetstream.find_stream_name_by_subject(subject))
        except NotFoundError:
            if not self._create:
                raise Unavailable(f"no stream of NATS takes {subject!r}: make one, or add ?create=true") from None
        name = "".join(letter if letter.isalnum() else "_" for letter in subject)
        await jetstream.add_stream(name=name, subjects=[subject])
        return name


class _Source:
    ordered = True

    def __init__(self, connection: Any, subscription: Any) -> None:
        self._connection = connection
        self._subscription = subscription
        self._last = 0

    async def receive(self, limit: int = BATCH) -> Sequence[Delivery]:
        async with _said():
            try:
                found = await self._subscription.fetch(limit, timeout=WAIT)
            except TimeoutError:
                if not self._connection.is_connected:
                    raise Unavailable("NATS: the connection is gone") from None
                return []
        deliveries = []
        for message in found:
            place = message.metadata.sequence
            if place.consumer != self._last + 1:
                raise Unavailable("NATS: a message was missed, so they are fetched anew")
            self._last = place.consumer
            deliveries.append(
                Delivery(Message.arrived(message.data, _headers_of(message)), "", str(place.stream), place.stream)
            )
        return deliveries

    async def settle(self, deliveries: Sequence[Delivery]) -> None: ...

    async def aclose(self) -> None:
        await _close(self._connection)


class _Sink:
    mark = ""

    def __init__(self, connection: Any, jetstream: Any, subject: str) -> None:
        self._connection = connection
        self._jetstream = jetstream
        self._subject = subject

    async def send(self, messages: Sequence[Message]) -> None:
        limit = self._connection.max_payload - 4_096
        large = next((index for index, one in enumerate(messages) if len(one.body) > limit), len(messages))
        # One connection carries them in this order; what is acknowledged is a first part of them when it breaks.
        async with _said():
            waiting = [
                await self._jetstream.publish_async(self._subject, one.body, headers=_headers(one), wait_stall=PATIENCE)
                for one in messages[:large]
            ]
            async with asyncio.timeout(PATIENCE):
                await asyncio.gather(*waiting)
        if large < len(messages):
            raise Refused(large, f"NATS takes messages of at most {limit} bytes")

    async def aclose(self) -> None:
        await _close(self._connection)


def _headers(message: Message) -> dict[str, str]:
    headers = message.all_headers()
    if message.stream:
        headers[ID] = f"{message.stream}:{message.epoch}:{message.offset}"
    return headers


def _headers_of(message: Any) -> dict[str, str]:
    return {name: value for name, value in (message.headers or {}).items() if name != ID}


async def _nothing(_error: Exception) -> None:
    """Hear of an error that is raised elsewhere, too."""


@asynccontextmanager
async def _said() -> AsyncIterator[None]:
    """Turn the client's errors into Unavailable."""
    from nats.errors import Error

    try:
        yield
    except (Error, OSError) as error:
        raise Unavailable(f"NATS: {error or type(error).__name__}") from None


async def _close(connection: Any) -> None:
    with suppress(Exception):
        await connection.close()
