"""Programs that benchmarks.bridges runs in processes of their own, on a database of their own.

`BROKER PART MESSAGES KILLS` measures one part (`speed`, `chaos`) and prints JSON; `--consume ADDRESS` reads its channel
until it is killed.
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
from tests.streaming.bridges.places import PLACES, Kinesis, Lined, Place  # noqa: E402

STREAMS = 8
WRITTEN_AT_A_TIME = 400
# Seconds without a new effect after which those that are missing count as lost.
PATIENCE = 90.0
BODY = b'{"order": 7, "lines": [{"sku": "A-1", "count": 2}], "note": "' + b"x" * 60 + b'"}'
EFFECTS = Outgoing.objects.filter(outbox="effects")


def measure(name: str, part: str, messages: int, kills: int) -> dict[str, float]:
    """Return the results of a part, on a broker and a database of its own."""
    call_command("migrate", verbosity=0)
    with tempfile.TemporaryDirectory(prefix=f"aura-bridges-{name}-") as folder:
        place = PLACES[name](Path(folder))
        if isinstance(place, Lined):
            place.kills = part == "chaos"
        place.start()
        try:
            if part == "speed":
                return asyncio.run(throughput(place, messages))
            return asyncio.run(Chaos(place, Path(folder), messages, kills).run())
        finally:
            place.stop()


# -- throughput ------------------------------------------------------------------------------------------------------


async def throughput(place: Place, count: int) -> dict[str, float]:
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
    return {"ratio": median(bare) / median(own), "rate": count / median(own)}


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

# -- chaos -----------------------------------------------------------------------------------------------------------


class Chaos:
    """Messages on their way from an outbox to their effects while broker and consumer are killed, `kills` times each.

    The kills come in no order, spread over the whole way, and the writer is never far ahead of the effects: so each kill
    meets both a gateway that sends and a consumer that reads.
    """

    def __init__(self, place: Place, folder: Path, count: int, kills: int) -> None:
        self.place = place
        self.folder = folder
        self.count = count
        self.ahead = max(2_000, count // 20)
        self.chance = random.Random(1)
        self.victims = ["broker", "consumer"] * kills
        self.chance.shuffle(self.victims)
        self.done = 0

    async def run(self) -> dict[str, float]:
        """Return what was lost and doubled, and how long it took."""
        async with self.place.reachable():
            await make(self.place, "chaos")
            await (await brokers.to(self.place.address).sink("chaos")).aclose()
            route = await visit(lambda: Route.objects.create(name="chaos", source="outbox:chaos", target="bus:chaos"))
            settings.AURA_BROKERS = {"bus": self.place.address}
            start = time.monotonic()
            gateway = Gateway()
            gateway.start()
            writing = asyncio.create_task(self.write())
            self.consumer = self.start_consumer()
            try:
                for number, victim in enumerate(self.victims, 1):
                    await self.effects(self.count * number // (len(self.victims) + 1))
                    await asyncio.sleep(self.chance.uniform(0, 0.3))
                    await self.kill(victim)
                await self.effects(self.count)
            finally:
                self.consumer.kill()
                self.consumer.wait()
                writing.cancel()
                await asyncio.gather(writing, return_exceptions=True)
                await gateway.stop()
        seconds = time.monotonic() - start
        await visit(route.refresh_from_db)
        found = Counter(await visit(lambda: list(EFFECTS.values_list("stream", "offset"))))
        wanted = {(f"s{number % STREAMS}", number // STREAMS) for number in range(self.count)}
        return {
            "lost": len(wanted - set(found)),
            "doubled": sum(found.values()) - len(found),
            "killed": self.victims.count("broker"),
            "seconds": seconds,
        }

    async def kill(self, victim: str) -> None:
        """Kill the broker or the consumer, and bring it back."""
        if victim == "broker":
            async with self.place.away():
                await asyncio.sleep(self.chance.uniform(0, 0.5))
        else:
            self.consumer.send_signal(signal.SIGKILL)
            await asyncio.to_thread(self.consumer.wait)
            self.consumer = self.start_consumer()

    async def write(self) -> None:
        """Put the messages into the outbox, not too far ahead of their effects."""
        for first in range(0, self.count, WRITTEN_AT_A_TIME):
            numbers = range(first, min(self.count, first + WRITTEN_AT_A_TIME))
            await visit(outbox.put, "chaos", *(Message(BODY, f"s{n % STREAMS}", 1, n // STREAMS) for n in numbers))
            while first > self.done + self.ahead:  # noqa: ASYNC110 - it is told by looking
                await asyncio.sleep(0.05)

    async def effects(self, count: int) -> None:
        """Return when there are so many effects, or no more come."""
        heard = time.monotonic()
        while self.done < count and time.monotonic() < heard + PATIENCE:
            if self.consumer.poll() is not None:
                raise RuntimeError(f"the consumer ended: {(self.folder / 'consumer.log').read_text()[-2_000:]}")
            await asyncio.sleep(0.1)
            done = await visit(EFFECTS.count)
            if done > self.done:
                self.done, heard = done, time.monotonic()

    def start_consumer(self) -> "subprocess.Popen[bytes]":
        """Start a process that reads the channel."""
        with (self.folder / "consumer.log").open("ab") as log:
            command = [sys.executable, "-m", "benchmarks.bridges_worker", "--consume", self.place.address]
            return subprocess.Popen(command, stdout=log, stderr=log)


def consume(address: str) -> None:
    """Read the channel for ever; the effect of a message is a row."""

    def effect(message: Message) -> None:
        Outgoing(outbox="effects", stream=message.stream, offset=message.offset, body=b"").save(force_insert=True)

    asyncio.run(Consumer("chaos", lambda places: brokers.to(address).source("chaos", places), effect).run())


if __name__ == "__main__":
    if sys.argv[1] == "--consume":
        consume(sys.argv[2])
    else:
        print(json.dumps(measure(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))))
