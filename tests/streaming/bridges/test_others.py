"""Messages as only others write them, straight into the broker: none is lost, none holds up those behind it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from rstream import AMQPMessage, Producer

from streaming.bridges import brokers
from streaming.bridges.base import Delivery, Message
from tests.streaming.bridges.places import Kafka, Nats, Place, RabbitMQ, started

# rstream leaves the socket of a broken connection to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def rabbitmq(folder: Path) -> Iterator[Place]:
    yield from started(RabbitMQ(folder, lined=False))


@pytest.fixture
def nats(folder: Path) -> Iterator[Place]:
    yield from started(Nats(folder))


@pytest.fixture
def kafka(folder: Path) -> Iterator[Place]:
    yield from started(Kafka(folder, lined=False))


async def taken(place: Place, count: int) -> list[Message]:
    """Return the first messages, which others can be given as they are."""
    source = await brokers.to(place.address).source("odd", {})
    found: list[Delivery] = []
    async with asyncio.timeout(30):
        while len(found) < count:
            found += await source.receive()
    await source.aclose()
    assert len({one.rank for one in found}) == count
    for one in found:
        orjson.dumps(one.message.all_headers())
    return [one.message for one in found]


async def test_rabbitmq(rabbitmq: RabbitMQ) -> None:
    await (await brokers.to(rabbitmq.address).sink("odd")).aclose()
    async with Producer(host="127.0.0.1", port=rabbitmq.port, username="guest", password="guest") as producer:
        await producer.send_wait("odd", b"no AMQP at all")
        await producer.send_wait("odd", b"\x00Su\xa0")
        await producer.send_wait("odd", AMQPMessage(value="text"))
        await producer.send_wait("odd", AMQPMessage(value={"a": [1, b"\xff"], b"b": None}))
        odd = {"n": 1, "none": None, "bytes": b"\xff", "flag": True, "aura-offset": 7}
        await producer.send_wait("odd", AMQPMessage(body=b"bytes", application_properties=odd))
        await producer.send_wait("odd", AMQPMessage(body=b"last"))
    found = await taken(rabbitmq, 6)
    assert [one.body for one in found[:3]] == [b"no AMQP at all", b"\x00Su\xa0", b"text"]
    assert orjson.loads(found[3].body) == {"a": [1, "�"], "b": None}
    assert (found[4].body, found[4].stream) == (b"bytes", "")
    assert found[4].headers == {"n": "1", "none": "None", "bytes": "�", "flag": "True"}
    assert found[5] == Message(b"last")


async def test_nats(nats: Nats) -> None:
    await (await brokers.to(nats.address).sink("odd")).aclose()
    reader, writer = await asyncio.open_connection("127.0.0.1", nats.port)
    writer.write(b'CONNECT {"headers":true,"verbose":false}\r\n')
    heads = (
        b"NATS/1.0\r\nX: \xff\r\n\r\n",
        b"NATS/1.0\r\n\r\n",
        b"NATS/1.0\r\nno colon\r\n\r\n",
        # Which a server says when there is nothing, or that it ends.
        b"NATS/1.0\r\nStatus: 404\r\n\r\n",
        b"NATS/1.0 409\r\nStatus: 409\r\n\r\n",
    )
    for head in heads:
        for body in (b"body", b""):
            writer.write(b"HPUB odd %d %d\r\n%s%s\r\n" % (len(head), len(head) + len(body), head, body))
    writer.write(b"PUB odd 4\r\nlast\r\nPING\r\n")
    while b"PONG" not in await reader.readline():
        pass
    writer.close()
    await writer.wait_closed()
    found = await taken(nats, 11)
    assert [one.body for one in found] == [b"body", b""] * 5 + [b"last"]
    assert found[0].headers == {"X": "�"}
    assert found[6].headers == {"Status": "404"}


@pytest.mark.parametrize("compression", ["gzip", "lz4", "snappy", "zstd"])
async def test_kafka_compressed_as_others_do(kafka: Kafka, compression: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=f"127.0.0.1:{kafka.port}", compression_type=compression) as producer:
        for number in range(3):
            await producer.send_and_wait("odd", b"body" * 100 * (number + 1), key=b"k")
    assert [one.body for one in await taken(kafka, 3)] == [b"body" * 100, b"body" * 200, b"body" * 300]


async def test_kafka(kafka: Kafka) -> None:
    async with AIOKafkaProducer(bootstrap_servers=f"127.0.0.1:{kafka.port}") as producer:
        # What deletes a key, and keys and headers that are no text.
        await producer.send_and_wait("odd", None, key=b"\xff")
        await producer.send_and_wait(
            "odd", b"x", key=b"\xff", headers=[("h", b"\xff"), ("aura-stream", b"s"), ("h", b"2")]
        )
        await producer.send_and_wait("odd", b"last", key=b"\xff")
    assert await taken(kafka, 3) == [Message(b""), Message(b"x", headers={"h": "2"}), Message(b"last")]
