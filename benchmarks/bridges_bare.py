"""Bare clients of the brokers, beside which benchmarks.bridges sets the bridges: each as its documentation does it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from streaming.bridges import brokers
from tests.streaming.bridges.places import Kinesis, Place

# What all messages say, how many streams they are of, and how many are sent together.
BODY = b'{"order": 7, "lines": [{"sku": "A-1", "count": 2}], "note": "' + b"x" * 60 + b'"}'
STREAMS = 8
BATCH = 500


async def make(place: Place, channel: str) -> None:
    """Make a channel where the broker does not do it by itself."""
    if isinstance(place, Kinesis):
        stack, client = await brokers.to(place.address)._client()  # type: ignore[attr-defined]
        async with stack:
            await client.create_stream(StreamName=channel, ShardCount=1)


async def bare_client(place: Place, channel: str, count: int) -> None:
    """Send and read with the client library alone, as its documentation does it: acknowledged, in batches."""
    await BARE[type(place).__name__](place, channel, count)


async def _bare_redis(place: Place, channel: str, count: int) -> None:
    from redis.asyncio import Redis

    async with Redis.from_url(place.address) as client:
        for first in range(0, count, BATCH):
            async with client.pipeline(transaction=True) as pipeline:
                for _ in range(first, min(count, first + BATCH)):
                    pipeline.xadd(channel, {"body": BODY})
                await pipeline.execute()
        read = 0
        last: Any = "0"
        while read < count:
            answer: Any = await client.xread({channel: last}, count=BATCH, block=1_000)
            pairs = answer[channel.encode()][0] if isinstance(answer, dict) else answer[0][1]
            read, last = read + len(pairs), pairs[-1][0]


async def _bare_nats(place: Place, channel: str, count: int) -> None:
    import nats

    connection = await nats.connect(place.address.split("?")[0])
    jetstream = connection.jetstream()
    await jetstream.add_stream(name=channel, subjects=[channel])
    for first in range(0, count, BATCH):
        waiting = [await jetstream.publish_async(channel, BODY) for _ in range(first, min(count, first + BATCH))]
        await asyncio.gather(*waiting)
    subscription = await jetstream.pull_subscribe(channel, durable="bare")
    read = 0
    while read < count:
        found = await subscription.fetch(BATCH, timeout=5)
        read += len(found)
        for message in found:
            await message.ack()
    await connection.close()


async def _bare_rabbitmq(place: Place, channel: str, count: int) -> None:
    from rstream import AMQPMessage, Consumer, ConsumerOffsetSpecification, OffsetType, Producer, amqp_decoder

    where: dict[str, Any] = {"host": "127.0.0.1", "port": place.port, "username": "guest", "password": "guest"}
    confirmed = 0

    async def on_confirm(_status: object) -> None:
        nonlocal confirmed
        confirmed += 1

    async with Producer(**where) as producer:
        await producer.create_stream(channel)
        for first in range(0, count, BATCH):
            part = [AMQPMessage(body=BODY) for _ in range(first, min(count, first + BATCH))]
            await producer.send_batch(channel, part, on_publish_confirm=on_confirm)
            while confirmed < first + len(part):  # noqa: ASYNC110 - each costs the loop one turn
                await asyncio.sleep(0)
    read = 0

    async def on_message(_message: object, _context: object) -> None:
        nonlocal read
        read += 1

    consumer = Consumer(**where)
    start = ConsumerOffsetSpecification(OffsetType.FIRST, None)
    await consumer.subscribe(channel, on_message, decoder=amqp_decoder, offset_specification=start)
    while read < count:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    await consumer.close()


async def _bare_kafka(place: Place, channel: str, count: int) -> None:
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

    where = {"bootstrap_servers": f"127.0.0.1:{place.port}"}
    async with AIOKafkaProducer(**where, acks="all", linger_ms=5) as producer:
        for first in range(0, count, BATCH):
            numbers = range(first, min(count, first + BATCH))
            keys = [f"s{number % STREAMS}".encode() for number in numbers]
            await asyncio.gather(*[await producer.send(channel, BODY, key=key) for key in keys])
    async with AIOKafkaConsumer(channel, **where, auto_offset_reset="earliest") as consumer:
        read = 0
        while read < count:
            found = await consumer.getmany(timeout_ms=1_000, max_records=BATCH)
            read += sum(len(records) for records in found.values())


async def _bare_kinesis(place: Place, channel: str, count: int) -> None:
    stack, client = await brokers.to(place.address)._client()  # type: ignore[attr-defined]
    async with stack:
        for first in range(0, count, BATCH):
            numbers = range(first, min(count, first + BATCH))
            records = [{"Data": BODY, "PartitionKey": f"s{number % STREAMS}"} for number in numbers]
            await client.put_records(StreamName=channel, Records=records)
        shard = (await client.list_shards(StreamName=channel))["Shards"][0]["ShardId"]
        kind = "TRIM_HORIZON"
        answer = await client.get_shard_iterator(StreamName=channel, ShardId=shard, ShardIteratorType=kind)
        place_in, read = answer["ShardIterator"], 0
        while read < count:
            answer = await client.get_records(ShardIterator=place_in, Limit=BATCH)
            read, place_in = read + len(answer["Records"]), answer["NextShardIterator"]


async def _bare_pubsub(place: Place, channel: str, count: int) -> None:
    from google.pubsub_v1 import PubsubMessage

    bridge = brokers.to(place.address)
    sink, source = await bridge.sink(channel), await bridge.source(channel, {})
    publisher, subscriber = sink._client, source._client  # type: ignore[attr-defined]
    topic, name = sink._topic, source._subscription  # type: ignore[attr-defined]
    for first in range(0, count, BATCH):
        numbers = range(first, min(count, first + BATCH))
        part = [PubsubMessage(data=BODY, ordering_key=f"s{number % STREAMS}") for number in numbers]
        await publisher.publish(request={"topic": topic, "messages": part}, timeout=15, retry=None)
    read = 0
    while read < count:
        request = {"subscription": name, "max_messages": BATCH}
        found = (await subscriber.pull(request=request, timeout=5, retry=None)).received_messages
        handles = {"subscription": name, "ack_ids": [one.ack_id for one in found]}
        await subscriber.acknowledge(request=handles, timeout=5, retry=None)
        read += len(found)
    await asyncio.gather(sink.aclose(), source.aclose())


BARE: dict[str, Callable[[Place, str, int], Awaitable[None]]] = {
    "Redis": _bare_redis,
    "Nats": _bare_nats,
    "RabbitMQ": _bare_rabbitmq,
    "Kafka": _bare_kafka,
    "Kinesis": _bare_kinesis,
    "PubSub": _bare_pubsub,
}
