"""Apache Kafka. `kafka://[USER:PASSWORD@]HOST:PORT[,HOST:PORT ...][?OPTION=VALUE]`, the channel is the topic.

Options: `security` (PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL), `mechanism` (PLAIN, SCRAM-SHA-256, SCRAM-SHA-512),
`idempotent` (true; false for brokers that cannot), `largest` (bytes of a message, as the broker's message.max.bytes),
`patience` (seconds until a broker that does not answer counts as away), `compression` of batches (none, gzip, lz4, snappy,
zstd).
A message's stream is its key, so that a stream is in one partition and in order.
"""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import zip_longest
from typing import Any
from urllib.parse import SplitResult, unquote

from streaming.bridges import base
from streaming.bridges.base import BATCH, WAIT, Delivery, Message
from streaming.bridges.errors import BadAddress, Refused, Unavailable

PACKAGE = "aiokafka[lz4,snappy,zstd]>=0.14,<1"
SECURITY = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
COMPRESSIONS = ("none", "gzip", "lz4", "snappy", "zstd")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
# Seconds of silence behind which the broker is asked whether it is there: the client waits for one for ever.
SILENCE = 3.0
# Bytes of the messages that go into a partition together; fewer, larger requests cost both sides less.
BATCH_BYTES = 262_144
# Keys whose partitions are remembered.
KEYS_LIMIT = 4_096


class Kafka:
    """See `Bridge`."""

    def __init__(self, url: SplitResult) -> None:
        given = base.options(
            url,
            security="PLAINTEXT",
            mechanism="PLAIN",
            idempotent="true",
            largest="1048576",
            patience="10",
            compression="none",
        )
        self._aiokafka = base.client("aiokafka", PACKAGE)
        login, _, hosts = url.netloc.rpartition("@")
        if not hosts or not given["largest"].isdigit() or not given["patience"].isdigit():
            raise BadAddress("kafka: an address is kafka://HOST:PORT,HOST:PORT; largest and patience are numbers")
        for host in hosts.split(","):
            base.port_of("kafka", host)
        for name, known in (("security", SECURITY), ("mechanism", MECHANISMS), ("compression", COMPRESSIONS)):
            if given[name] not in known:
                raise BadAddress(f"kafka: {name} is one of {', '.join(known)}")
        user, _, password = login.partition(":")
        self._idempotent = given["idempotent"] == "true"
        self._largest = int(given["largest"])
        if given["compression"] not in ("none", "gzip"):
            # What the client compresses these with.
            base.client("cramjam", PACKAGE)
        self._compression = given["compression"] if given["compression"] != "none" else None
        self._patience = float(given["patience"])
        self._where: dict[str, Any] = {
            "bootstrap_servers": hosts.split(","),
            "security_protocol": given["security"],
            "sasl_mechanism": given["mechanism"],
            "sasl_plain_username": unquote(user) or None,
            "sasl_plain_password": unquote(password) or None,
            "ssl_context": ssl.create_default_context() if given["security"].endswith("SSL") else None,
            "request_timeout_ms": int(self._patience * 1000),
        }

    async def source(self, channel: str, positions: Mapping[str, str]) -> "_Source":
        """See `Bridge`."""
        source = await self._start(channel)
        async with _said(), base.closing_on_failure(source.aclose):
            async with asyncio.timeout(self._patience):
                await source.assign(positions)
        return source

    async def _start(self, channel: str) -> "_Source":
        consumer = self._aiokafka.AIOKafkaConsumer(
            channel,
            **self._where,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            # What others write in a transaction that they give up is no message.
            isolation_level="read_committed",
        )
        source = _Source(consumer, channel, self._patience)
        async with _said(), base.closing_on_failure(source.aclose):
            async with asyncio.timeout(2 * self._patience):
                await consumer.start()
        return source

    async def end(self, channel: str) -> dict[str, str]:
        """See `Bridge`."""
        source = await self._start(channel)
        try:
            async with _said(), asyncio.timeout(self._patience):
                return await source.end()
        finally:
            await source.aclose()

    async def sink(self, channel: str, _mark: str = "") -> "_Sink":
        """See `Bridge`."""
        producer = self._aiokafka.AIOKafkaProducer(
            **self._where,
            acks="all",
            enable_idempotence=self._idempotent,
            max_request_size=self._largest,
            max_batch_size=min(self._largest, BATCH_BYTES),
            compression_type=self._compression,
        )
        sink = _Sink(producer, channel, self._largest, self._patience)
        try:
            async with _said(), base.closing_on_failure(sink.aclose):
                async with asyncio.timeout(2 * self._patience):
                    await producer.start()
        except Unavailable as error:
            # All that a broker without idempotent producers says.
            hint = "; if it has no idempotent producers, add ?idempotent=false" if "UnknownError" in str(error) else ""
            raise Unavailable(f"{error}{hint}") from None
        return sink


class _Source:
    ordered = True

    def __init__(self, consumer: Any, topic: str, patience: float) -> None:
        self._consumer = consumer
        self._topic = topic
        self._patience = patience
        self._heard = time.monotonic()

    async def assign(self, positions: Mapping[str, str]) -> None:
        """Go to the positions; partitions that have none, also those to come, are read from their start."""
        places = self._places()
        first = await self._consumer.beginning_offsets(places)
        for place in places:
            known = positions.get(str(place.partition))
            self._consumer.seek(place, max(first[place], int(known) + 1) if known is not None else first[place])

    async def end(self) -> dict[str, str]:
        """Return the last positions there are."""
        last = await self._consumer.end_offsets(self._places())
        return {str(place.partition): str(offset - 1) for place, offset in last.items()}

    def _places(self) -> list[Any]:
        places = sorted(self._consumer.assignment())
        if not places:
            raise Unavailable(f"Kafka has no topic {self._topic!r}")
        return places

    async def receive(self, limit: int = BATCH) -> Sequence[Delivery]:
        async with _said():
            found = await self._consumer.getmany(timeout_ms=int(WAIT * 1000), max_records=limit)
            if found:
                self._heard = time.monotonic()
            elif time.monotonic() > self._heard + SILENCE:
                async with asyncio.timeout(self._patience):
                    await self._consumer.beginning_offsets(sorted(self._consumer.assignment())[:1])
                self._heard = time.monotonic()
        return [
            Delivery(
                Message.arrived(record.value or b"", _texts(record.headers)),
                str(place.partition),
                str(record.offset),
                record.offset,
                max(0, record.timestamp or 0) / 1000,
            )
            for place, records in found.items()
            for record in records
        ]

    async def settle(self, deliveries: Sequence[Delivery]) -> None: ...

    async def aclose(self) -> None:
        await _close(self._consumer)


class _Sink:
    """The client's own way to send costs a future for each message; here the messages of a partition go as a batch."""

    mark = ""

    def __init__(self, producer: Any, topic: str, largest: int, patience: float) -> None:
        from aiokafka.partitioner import DefaultPartitioner

        self._patience = patience
        self._producer = producer
        self._topic = topic
        self._largest = largest
        self._partitioner = DefaultPartitioner()
        # The partitions there are, and which one each key goes to.
        self._partitions: list[int] = []
        self._chosen: dict[bytes | None, int] = {}

    async def send(self, messages: Sequence[Message]) -> None:
        async with _said():
            await self._find_partitions()
            batches, taken = self._batches(messages)
            # In rounds with one batch of each partition: none may overtake one that fails.
            for turn in zip_longest(*batches.values()):
                waiting = [
                    await self._producer.send_batch(batch, self._topic, partition=partition)
                    for partition, batch in zip(batches, turn, strict=True)
                    if batch is not None
                ]
                async with asyncio.timeout(2 * self._patience):
                    await asyncio.gather(*waiting)
        if taken < len(messages):
            raise Refused(taken, f"Kafka takes messages of at most {self._largest} bytes")

    def _batches(self, messages: Sequence[Message]) -> tuple[dict[int, list[Any]], int]:
        """Return the batches of each partition, and how many messages are in them: those before one that is too large."""
        batches: dict[int, list[Any]] = {}
        for index, message in enumerate(messages):
            key = message.stream.encode() or None
            headers = [(name, value.encode()) for name, value in message.all_headers().items()]
            if _length(key, message.body, headers) > self._largest:
                return batches, index
            mine = batches.setdefault(self._partition(key), [])
            if not mine or mine[-1].append(timestamp=None, key=key, value=message.body, headers=headers) is None:
                mine.append(self._producer.create_batch())
                # The first one is taken whatever its size.
                mine[-1].append(timestamp=None, key=key, value=message.body, headers=headers)
        return batches, len(messages)

    async def _find_partitions(self) -> None:
        partitions = sorted(await self._producer.partitions_for(self._topic))
        if partitions != self._partitions or len(self._chosen) > KEYS_LIMIT:
            self._partitions, self._chosen = partitions, {}
        # What has no stream goes somewhere else each time, and together.
        self._chosen.pop(None, None)

    def _partition(self, key: bytes | None) -> int:
        """Return the partition that all clients of Kafka put a key into; their hash in Python is slow."""
        if key not in self._chosen:
            self._chosen[key] = self._partitioner(key, self._partitions, self._partitions)
        return self._chosen[key]

    async def aclose(self) -> None:
        await _close(self._producer)


def _length(key: bytes | None, body: bytes, headers: Sequence[tuple[str, bytes]]) -> int:
    """Return at least how many bytes a message needs in a batch of its own."""
    return len(key or b"") + len(body) + sum(len(name) * 3 + len(value) + 10 for name, value in headers) + 100


def _texts(headers: Sequence[tuple[str, bytes]]) -> dict[str, str]:
    return {name: value.decode("utf-8", "replace") for name, value in headers if value is not None}


@asynccontextmanager
async def _said() -> AsyncIterator[None]:
    """Turn the client's errors into Unavailable."""
    from aiokafka.errors import KafkaConnectionError, KafkaError

    try:
        yield
    except KafkaConnectionError as error:
        # The client tells no more: a broker hangs up on who does not speak TLS with it or brings no good password.
        raise Unavailable(f"Kafka: {error}: is the broker there, are `security`, user and password right?") from None
    except (KafkaError, OSError) as error:
        raise Unavailable(f"Kafka: {error or type(error).__name__}") from None


async def _close(client: Any) -> None:
    # A task of its own: the client lets the cancellations of its inner tasks out.
    stopping = asyncio.create_task(client.stop())
    await asyncio.wait({stopping}, timeout=5)
    stopping.cancel()
    await asyncio.gather(stopping, return_exceptions=True)
