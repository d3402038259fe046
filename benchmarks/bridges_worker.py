"""Programs that benchmarks.bridges runs in processes of their own, on a database of their own.

`BROKER MESSAGES KILLS` measures one broker and prints JSON; `--consume ADDRESS` reads its channel until it is killed.
"""

import asyncio
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402

from benchmarks.report import median  # noqa: E402
from streaming.bridges import brokers, outbox  # noqa: E402
from streaming.bridges.base import BATCH, Message  # noqa: E402
from streaming.bridges.gateway import Gateway  # noqa: E402
from streaming.bridges.models import Outgoing, Route  # noqa: E402
from streaming.bridges.reader import Consumer  # noqa: E402
from streaming.database import visit  # noqa: E402
from tests.streaming.bridges.places import PLACES, Kinesis, Place, RabbitMQ  # noqa: E402

STREAMS = 8
WRITTEN_AT_A_TIME = 400
PATIENCE = 300.0
BODY = b'{"order": 7, "lines": [{"sku": "A-1", "count": 2}], "note": "' + b"x" * 60 + b'"}'


def measure(name: str, messages: int, kills: int) -> dict[str, float]:
    """Return the results of one broker."""
    call_command("migrate", verbosity=0)
    with tempfile.TemporaryDirectory(prefix=f"aura-bridges-{name}-") as folder:
        place = PLACES[name](Path(folder))
        if isinstance(place, RabbitMQ):
            place.kills = True
        place.start()
        try:
            ratio, rate = asyncio.run(throughput(place, max(2_000, messages // 10)))
            seconds, found = asyncio.run(chaos(place, Path(folder), messages, kills))
        finally:
            place.stop()
    wanted = {(f"s{number % STREAMS}", number // STREAMS) for number in range(messages)}
    lost, doubled = len(wanted - set(found)), sum(found.values()) - len(found)
    return {"ratio": ratio, "rate": rate, "seconds": seconds, "lost": lost, "doubled": doubled}


# -- throughput ------------------------------------------------------------------------------------------------------


async def throughput(place: Place, count: int) -> tuple[float, float]:
    """Return the bridge's share of the bare client's rate, and its messages per second, sending and reading back."""
    bare: list[float] = []
    own: list[float] = []
    async with place.reachable():
        for turn in range(3):
            for work, times in ((bare_client, bare), (own_client, own)):
                channel = f"speed-{turn}-{len(times)}-{work.__name__}"
                await make(place, channel)
                start = time.perf_counter()
                await work(place, channel, count)
                times.append(time.perf_counter() - start)
    return median(bare) / median(own), count / median(own)


async def make(place: Place, channel: str) -> None:
    """Make a channel where the broker does not do it by itself."""
    if isinstance(place, Kinesis):
        stack, client = await brokers.to(place.address)._client()  # type: ignore[attr-defined]
        async with stack:
            await client.create_stream(StreamName=channel, ShardCount=1)


async def own_client(place: Place, channel: str, count: int) -> None:
    """Send through the bridge, then read into the books of a consumer."""
    bridge = brokers.to(place.address)
    sink = await bridge.sink(channel)
    for first in range(0, count, BATCH):
        numbers = range(first, min(count, first + BATCH))
        await sink.send([Message(BODY, f"s{number % STREAMS}", 1, number // STREAMS) for number in numbers])
    await sink.aclose()
    seen = 0

    def effect(_message: Message) -> None:
        nonlocal seen
        seen += 1

    consumer = Consumer(f"speed-{channel}", lambda positions: bridge.source(channel, positions), effect)
    task = asyncio.create_task(consumer.run())
    while seen < count:
        assert not task.done(), task.exception()
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


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
            waiting = [await producer.send(channel, BODY, key=b"k") for _ in range(first, min(count, first + BATCH))]
            await asyncio.gather(*waiting)
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
    bridge = brokers.to(place.address)
    sink, source = await bridge.sink(channel), await bridge.source(channel, {})
    publisher, subscriber = sink._client, source._client  # type: ignore[attr-defined]
    kind, topic, name = sink._kind, sink._topic, source._subscription  # type: ignore[attr-defined]
    for first in range(0, count, BATCH):
        part = [kind(data=BODY) for _ in range(first, min(count, first + BATCH))]
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

# -- chaos -----------------------------------------------------------------------------------------------------------


async def chaos(place: Place, folder: Path, count: int, kills: int) -> tuple[float, Counter[tuple[str, int]]]:
    """Return seconds, and how often each message had its effect, while broker and consumer are killed `kills` times."""
    chance = random.Random(1)
    async with place.reachable():
        await make(place, "chaos")
        await (await brokers.to(place.address).sink("chaos")).aclose()
        start = time.monotonic()
        await visit(
            lambda: Route.objects.update_or_create(
                name="chaos", defaults={"source": "outbox:chaos", "target": "bus:chaos"}
            )
        )
        settings.AURA_BROKERS = {"bus": place.address}
        gateway = Gateway()
        gateway.start()
        writing = asyncio.create_task(write(count))
        consumer = start_consumer(place, folder)
        try:
            for kill in range(kills):
                share = count * (kill + 1) // (kills + 1)
                await effects(share, consumer, place, folder)
                consumer.send_signal(signal.SIGKILL)
                consumer.wait()
                async with place.away():
                    await asyncio.sleep(chance.uniform(0, 0.5))
                consumer = start_consumer(place, folder)
            await writing
            await effects(count, consumer, place, folder)
        finally:
            consumer.kill()
            consumer.wait()
            writing.cancel()
            await gateway.stop()
    found = await visit(lambda: list(Outgoing.objects.filter(outbox="effects").values_list("stream", "offset")))
    await visit(lambda: Outgoing.objects.all().delete())
    return time.monotonic() - start, Counter(found)


async def write(count: int) -> None:
    """Put the messages into the outbox as fast as it takes them."""
    for first in range(0, count, WRITTEN_AT_A_TIME):
        numbers = range(first, min(count, first + WRITTEN_AT_A_TIME))
        await visit(outbox.put, "chaos", *(Message(BODY, f"s{n % STREAMS}", 1, n // STREAMS) for n in numbers))
        await asyncio.sleep(0)


async def effects(count: int, consumer: "subprocess.Popen[bytes]", place: Place, folder: Path) -> None:
    """Return when there are so many effects."""
    end = time.monotonic() + PATIENCE
    while await visit(Outgoing.objects.filter(outbox="effects").count) < count and time.monotonic() < end:
        if consumer.poll() is not None:
            raise RuntimeError(f"the consumer ended: {(folder / 'consumer.log').read_text()[-2_000:]}")
        await asyncio.sleep(0.1)


def start_consumer(place: Place, folder: Path) -> "subprocess.Popen[bytes]":
    """Start a process that reads the channel."""
    with (folder / "consumer.log").open("ab") as log:
        command = [sys.executable, "-m", "benchmarks.bridges_worker", "--consume", place.address]
        return subprocess.Popen(command, stdout=log, stderr=log)


def consume(address: str) -> None:
    """Read the channel for ever; the effect of a message is a row in another outbox."""
    consumer = Consumer(
        f"chaos {address}"[:80],
        lambda positions: brokers.to(address).source("chaos", positions),
        lambda message: outbox.put("effects", message),
    )
    asyncio.run(consumer.run())


if __name__ == "__main__":
    if sys.argv[1] == "--consume":
        consume(sys.argv[2])
    else:
        print(json.dumps(measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
