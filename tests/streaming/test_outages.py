"""What AURA needs is killed while answers are written: Redis, PostgreSQL. What a client has read stands on the record, what
it has not read comes when the part is back, and `/health` and `/metrics` say meanwhile what is away."""

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from redis import Redis

from streaming.client import ChatClient
from streaming.protocol.client import Ended, Failed, Reading, TextArrived
from streaming.protocol.codes import Finish, Mode
from tests.live import LiveServer
from tests.services import Service, postgres_service, redis_service

pytestmark = pytest.mark.vendor("postgresql")  # both servers are this module's own


class Place:
    """A server of AURA on a PostgreSQL and a Redis that may be killed."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.postgres: Service = stack.enter_context(postgres_service())
        self.redis: Service = stack.enter_context(redis_service(folder))
        self.server = LiveServer(
            folder / "data",
            DATABASE_URL=self.postgres.url,
            REDIS_URL=self.redis.url,
            AURA_METRICS_ALLOW="127.0.0.1",
            STREAMING_RESUME_GRACE="60",
        )
        self.server.start()
        stack.callback(self.server.stop)

    def health(self) -> dict[str, bool]:
        """Return which parts work."""
        body = self.server.get("/health", "")[2]
        return {name: check["ok"] for name, check in body["checks"].items()}

    def ready_metric(self, part: str) -> float:
        """Return what the metrics say of a part."""
        told: str = self.server.get("/metrics", "")[2]
        (line,) = (line for line in told.splitlines() if line.startswith(f'aura_ready{{part="{part}"}}'))
        return float(line.split()[-1])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("outages")
        (folder / "data").mkdir()
        yield Place(folder, stack)


async def until(wanted: Callable[[], Any], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not await asyncio.to_thread(wanted):
        assert time.monotonic() < end, "it did not come to that"
        await asyncio.sleep(0.2)


async def read_on(client: ChatClient, reading: Reading) -> list[object]:
    return [event async for event in client.follow(reading)]


async def outage(place: Place, service: Service, named: str) -> tuple[Reading, list[object]]:
    """Kill a part in the midst of an answer, look what is said of it, and start it again; return what was read of the answer
    up to its end, and the events behind the kill."""
    async with ChatClient(place.server.ws, place.server.key, mode=Mode.TOKEN) as client:
        reading = client.session.ask("Speak", os.urandom(16), model="smart")
        async for event in client.follow(reading):
            if isinstance(event, TextArrived) and len(reading.text.split()) >= 60:
                break
        await asyncio.to_thread(service.kill)
        rest = asyncio.create_task(read_on(client, reading))
        await until(lambda: not place.health()[named])
        assert await asyncio.to_thread(place.ready_metric, named) == 0
        await asyncio.to_thread(service.start)
        await until(lambda: place.health()[named])
        return reading, await asyncio.wait_for(rest, 90)


def recorded(place: Place, reading: Reading) -> tuple[str, str]:
    """Return state and words of an answer as they stand on the record."""
    turn = place.server.get(f"/api/v1/conversations/{UUID(bytes=reading.conversation)}")[2]["turns"][1]
    return turn["state"], turn["text"]


async def test_without_redis_an_answer_goes_on(place: Place) -> None:
    reading, events = await outage(place, place.redis, "channel_layer")
    assert isinstance(events[-1], Ended), events[-1]
    assert (events[-1].done.finish, len(reading.text.split())) == (Finish.STOP, 400)
    assert await asyncio.to_thread(recorded, place, reading) == ("done", reading.text)
    assert "are good" in await asyncio.to_thread(place.server.manage, "verify_audit")


@pytest.mark.parametrize(
    ("trouble", "over"),
    [
        ("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0"),
        ("REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE"),
    ],
    ids=["full", "replica"],
)
async def test_a_redis_that_takes_nothing_is_told_and_costs_no_answer(place: Place, trouble: str, over: str) -> None:
    with Redis.from_url(place.redis.url) as redis:
        await asyncio.to_thread(redis.execute_command, trouble)
        await until(lambda: not place.health()["channel_layer"])
        async with ChatClient(place.server.ws, place.server.key, mode=Mode.TOKEN) as client:
            reading = client.session.ask("Speak", os.urandom(16), model="genius")
            assert isinstance((await read_on(client, reading))[-1], Ended)
        await asyncio.to_thread(redis.execute_command, over)
    await until(lambda: place.health()["channel_layer"])


async def test_without_the_database_an_answer_stops_and_its_words_are_kept(place: Place) -> None:
    reading, events = await outage(place, place.postgres, "database")
    # What cannot be recorded is not shown, so the answer has to stop; it says that asking again helps.
    assert isinstance(events[-1], Failed), events[-1]
    assert events[-1].fault.retry
    _, words = await asyncio.to_thread(recorded, place, reading)
    assert words.startswith(reading.text)
    assert len(reading.text.split()) >= 60
    await go_on(place, reading)


async def go_on(place: Place, reading: Reading) -> None:
    """Ask for an answer again that the database broke off, and for another one."""
    async with ChatClient(place.server.ws, place.server.key, mode=Mode.TOKEN) as client:
        # The fault is not on the record: who asks for the stream again gets no second one, but the rest of the answer.
        again = client.session.resume(reading.stream, reading.epoch, reading.offset, reading.text)
        end = (await read_on(client, again))[-1]
        assert isinstance(end, Ended), end
        assert (end.done.finish, len(again.text.split())) == (Finish.STOP, 400)
        assert await asyncio.to_thread(recorded, place, reading) == ("done", again.text)
        fresh = client.session.ask("Speak", os.urandom(16), model="genius")
        assert isinstance((await read_on(client, fresh))[-1], Ended)
    assert "are good" in await asyncio.to_thread(place.server.manage, "verify_audit")


async def test_connections_that_break_without_the_database_being_away_cost_no_answer_either(place: Place) -> None:
    async with ChatClient(place.server.ws, place.server.key, mode=Mode.TOKEN) as client:
        reading = client.session.ask("Speak", os.urandom(16), model="smart")
        async for event in client.follow(reading):
            if isinstance(event, TextArrived) and len(reading.text.split()) >= 60:
                break
        with psycopg.connect(place.postgres.url, autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        end = (await asyncio.wait_for(read_on(client, reading), 90))[-1]
    assert isinstance(end, Failed), end
    await go_on(place, reading)
