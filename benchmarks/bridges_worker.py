"""Programs that benchmarks.bridges runs in processes of their own, on a database of their own.

`BROKER PART MESSAGES KILLS` measures one part (`speed`, `chaos`, `catchup`) and prints JSON; `--consume ADDRESS` reads its
channel until it is killed.
"""

import asyncio
import gc
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from benchmarks.bridges_bare import BODY, STREAMS, bare_client, make  # noqa: E402
from benchmarks.report import median  # noqa: E402
from streaming.bridges import brokers, outbox  # noqa: E402
from streaming.bridges.base import BATCH, Message  # noqa: E402
from streaming.bridges.gateway import Gateway  # noqa: E402
from streaming.bridges.models import Outgoing, Route  # noqa: E402
from streaming.bridges.reader import Consumer  # noqa: E402
from streaming.database import visit  # noqa: E402
from tests.streaming.bridges.places import PLACES, Lined, Place  # noqa: E402

# Times that speed is measured, and the seconds after which it is enough.
TURNS, TURNS_AT_LEAST, SPEED_SECONDS = 9, 3, 30.0
WRITTEN_AT_A_TIME = 400
# Seconds without a new effect after which those that are missing count as lost.
PATIENCE = 90.0
# Seconds between two looks at the effects; that the broker is away, so that pauses have grown to their full length.
LOOK, OUTAGE = 0.05, 20.0
EFFECTS = "CREATE TABLE effects (stream TEXT, number INTEGER)"


def measure(name: str, part: str, messages: int, kills: int) -> dict[str, float]:
    """Return the results of a part, on a broker and a database of its own."""
    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute(EFFECTS)
    with tempfile.TemporaryDirectory(prefix=f"aura-bridges-{name}-") as folder:
        place = PLACES[name](Path(folder))
        if isinstance(place, Lined):
            place.kills = part != "speed"
        place.start()
        try:
            # As a server does: see `streaming.services.startup`.
            gc.collect()
            gc.freeze()
            if part == "speed":
                return asyncio.run(throughput(place, messages))
            if part == "chaos":
                return asyncio.run(Chaos(place, Path(folder)).run(messages, kills))
            return asyncio.run(CatchUp(place, Path(folder)).run(messages))
        finally:
            place.stop()


# -- throughput ------------------------------------------------------------------------------------------------------


async def throughput(place: Place, count: int) -> dict[str, float]:
    """Return the bridge's share of the bare client's rate, and its messages per second, sending and reading back."""
    bare: list[float] = []
    own: list[float] = []
    end = time.monotonic() + SPEED_SECONDS
    async with place.reachable():
        for turn in range(TURNS):
            if turn >= TURNS_AT_LEAST and time.monotonic() > end:
                break
            for work, times in ((bare_client, bare), (own_client, own)):
                channel = f"speed-{turn}-{len(times)}-{work.__name__}"
                await make(place, channel)
                start = time.perf_counter()
                await work(place, channel, count)
                times.append(time.perf_counter() - start)
    return {"ratio": median(bare) / median(own), "rate": count / median(own)}


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


# -- from an outbox to effects ---------------------------------------------------------------------------------------


def asked(query: str) -> list[tuple[Any, ...]]:
    """Return what the database answers."""
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


class Way:
    """Messages on their way from an outbox through gateway and broker to their effects, which are rows."""

    def __init__(self, place: Place, folder: Path) -> None:
        self.place = place
        self.folder = folder
        self.done = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Have a route and a consumer within the block."""
        async with self.place.reachable():
            await make(self.place, "way")
            await (await brokers.to(self.place.address).sink("way")).aclose()
            await visit(lambda: Route.objects.create(name="way", source="outbox:way", target="bus:way"))
            settings.AURA_BROKERS = {"bus": self.place.address}
            gateway = Gateway()
            gateway.start()
            self.start_consumer()
            try:
                yield
            finally:
                self.kill_consumer()
                await gateway.stop()

    async def write(self, numbers: range, ahead: int) -> None:
        """Put messages into the outbox, at most so many more than there are effects."""
        for first in range(numbers.start, numbers.stop, WRITTEN_AT_A_TIME):
            part = range(first, min(numbers.stop, first + WRITTEN_AT_A_TIME))
            await visit(outbox.put, "way", *(Message(BODY, f"s{n % STREAMS}", 1, n // STREAMS) for n in part))
            while first > self.done + ahead:  # noqa: ASYNC110 - it is told by looking
                await asyncio.sleep(0.05)

    async def effects(self, count: int) -> None:
        """Return when there are so many effects, or no more come."""
        heard = time.monotonic()
        while self.done < count and time.monotonic() < heard + PATIENCE:
            if self.consumer.poll() is not None:
                raise RuntimeError(f"the consumer ended: {(self.folder / 'consumer.log').read_text()[-2_000:]}")
            await asyncio.sleep(LOOK)
            done = int((await visit(asked, "SELECT COUNT(*) FROM effects"))[0][0])
            if done > self.done:
                self.done, heard = done, time.monotonic()

    async def found(self, count: int) -> dict[str, float]:
        """Return how many of the first `count` messages have no effect, and how many effects there are too many."""
        found = Counter(await visit(asked, "SELECT stream, number FROM effects"))
        wanted = {(f"s{number % STREAMS}", number // STREAMS) for number in range(count)}
        return {"lost": len(wanted - set(found)), "doubled": sum(found.values()) - len(found)}

    def start_consumer(self) -> None:
        """Start a process that reads the channel."""
        with (self.folder / "consumer.log").open("ab") as log:
            command = [sys.executable, "-m", "benchmarks.bridges_worker", "--consume", self.place.address]
            self.consumer = subprocess.Popen(command, stdout=log, stderr=log)

    def kill_consumer(self) -> None:
        """End it as a power cut would."""
        self.consumer.send_signal(signal.SIGKILL)
        self.consumer.wait()


# -- chaos -----------------------------------------------------------------------------------------------------------


class Chaos(Way):
    """Broker and consumer are killed, `kills` times each.

    The kills come in no order, spread over the whole way, and the writer is never far ahead of the effects: so each kill
    meets both a gateway that sends and a consumer that reads.
    """

    async def run(self, count: int, kills: int) -> dict[str, float]:
        """Return what was lost and doubled, and how long it took."""
        self.chance = random.Random(1)
        victims = ["broker", "consumer"] * kills
        self.chance.shuffle(victims)
        start = time.monotonic()
        async with self.running():
            writing = asyncio.create_task(self.write(range(count), max(2_000, count // 20)))
            try:
                for number, victim in enumerate(victims, 1):
                    await self.effects(count * number // (len(victims) + 1))
                    await asyncio.sleep(self.chance.uniform(0, 0.3))
                    await self.kill(victim)
                await self.effects(count)
            finally:
                writing.cancel()
                await asyncio.gather(writing, return_exceptions=True)
        return {**await self.found(count), "seconds": time.monotonic() - start}

    async def kill(self, victim: str) -> None:
        """Kill the broker or the consumer, and bring it back."""
        if victim == "broker":
            async with self.place.away():
                await asyncio.sleep(self.chance.uniform(0, 0.5))
        else:
            await asyncio.to_thread(self.kill_consumer)
            self.start_consumer()


# -- catching up -----------------------------------------------------------------------------------------------------


class CatchUp(Way):
    """What gathers while the broker is away, and while the consumer is, beside the ordinary flow: messages that are read
    while they are written."""

    async def run(self, count: int) -> dict[str, float]:
        """Return the three rates from the first effect to the last, and the seconds until there is one."""
        async with self.running():
            # Everything has been opened and is warm.
            await self.write(range(count // 2), count)
            await self.effects(count // 2)
            total = self.done
            writing = asyncio.create_task(self.write(range(total, total + count), count))
            flow, _ = await self.drained(count)
            await writing
            async with self.place.away():
                end = time.monotonic() + OUTAGE
                await self.write(range(total + count, total + 2 * count), 2 * count)
                await asyncio.sleep(end - time.monotonic())
            behind_broker, until_broker = await self.drained(count)
            await asyncio.to_thread(self.kill_consumer)
            await self.write(range(total + 2 * count, total + 3 * count), 2 * count)
            while await visit(Outgoing.objects.exists):  # noqa: ASYNC110
                await asyncio.sleep(LOOK)
            self.start_consumer()
            behind_consumer, until_consumer = await self.drained(count)
        return {
            **await self.found(total + 3 * count),
            "flow": flow,
            "broker": behind_broker,
            "broker_seconds": until_broker,
            "consumer": behind_consumer,
            "consumer_seconds": until_consumer,
        }

    async def drained(self, count: int) -> tuple[float, float]:
        """Return the rate of the next `count` effects, and the seconds until the first of them."""
        before, start = self.done, time.monotonic()
        await self.effects(before + 1)
        first, first_at = self.done, time.monotonic()
        await self.effects(before + count)
        # When all came at one look, it was faster than can be seen.
        return max(1, before + count - first) / max(LOOK, time.monotonic() - first_at), first_at - start


def consume(address: str) -> None:
    """Read the channel for ever; the effect of a message is a row."""

    def effect(message: Message) -> None:
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO effects VALUES (%s, %s)", [message.stream, message.offset])

    asyncio.run(Consumer("way", lambda places: brokers.to(address).source("way", places), effect).run())


if __name__ == "__main__":
    if sys.argv[1] == "--consume":
        consume(sys.argv[2])
    else:
        print(json.dumps(measure(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))))
