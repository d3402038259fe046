"""What every bridge must do, each against its real broker: one suite for all."""

import asyncio
import os
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import pytest

from streaming.bridges import brokers, outbox
from streaming.bridges.base import Bridge, Delivery, Message, Sink, Source
from streaming.bridges.errors import Refused, Unavailable
from streaming.bridges.gateway import Gateway
from streaming.bridges.models import DeadLetter, Outgoing, Route
from streaming.bridges.reader import Consumer
from streaming.database import visit
from tests.streaming.bridges.places import PLACES, Place

# rstream leaves the socket of a broken connection to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module", params=list(PLACES))
def started(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    place = PLACES[request.param](tmp_path_factory.mktemp(request.param))
    place.start()
    yield place
    place.stop()


@pytest.fixture
async def place(started: Place) -> AsyncIterator[Place]:
    async with started.reachable():
        yield started


@pytest.fixture
async def bridge(place: Place) -> Bridge:
    return brokers.to(place.address)


@pytest.fixture
async def channel(place: Place) -> str:
    name = f"test-{os.urandom(4).hex()}"
    if type(place).__name__ == "Kinesis":
        await _make_stream(place, name)
    return name


async def _make_stream(place: Place, name: str) -> None:
    bridge = brokers.to(place.address)
    stack, client = await bridge._client()  # type: ignore[attr-defined]
    async with stack:
        await client.create_stream(StreamName=name, ShardCount=2)


def messages(stream: str, numbers: range) -> list[Message]:
    return [
        Message(
            f"body {number} ☃".encode() + bytes([number % 256]), stream, 3, number, {"kind": "test", "n": f"{number} ✓"}
        )
        for number in numbers
    ]


async def received(source: Source, count: int) -> list[Delivery]:
    """Return the next deliveries, settled; Pub/Sub's tests rely on that, others do not care."""
    found: list[Delivery] = []
    async with asyncio.timeout(30):
        while len(found) < count:
            batch = await source.receive()
            await source.settle(batch)
            found += batch
    assert len(found) == count
    return found


async def send_anew(bridge: Bridge, channel: str) -> None:
    sink = await bridge.sink(channel)
    try:
        await sink.send([Message(b"up?")])
    finally:
        await sink.aclose()


async def wait_for(bridge: Bridge, channel: str) -> Sink:
    """Return a sink as soon as the broker takes something: behind a restart it may need a moment."""
    async with asyncio.timeout(30):
        while True:
            try:
                await send_anew(bridge, channel)
                return await bridge.sink(channel)
            except Unavailable:
                await asyncio.sleep(0.1)


async def test_what_is_sent_arrives_with_its_place_in_the_order_of_its_stream(bridge: Bridge, channel: str) -> None:
    streams = {name: messages(name, range(60)) for name in ("shop/1", "shop/2", "café")}
    sink = await bridge.sink(channel)
    for first in range(0, 60, 20):
        await sink.send([one for stream in streams.values() for one in stream[first : first + 20]])
    await sink.aclose()
    source = await bridge.source(channel, {})
    found: dict[str, list[Message]] = defaultdict(list)
    for delivery in await received(source, 180):
        found[delivery.message.stream].append(delivery.message)
    assert dict(found) == streams
    await source.aclose()


async def test_from_the_end_on_only_what_comes_then_is_read(bridge: Bridge, channel: str) -> None:
    sink = await bridge.sink(channel)
    assert await bridge.end(channel)
    await sink.send(messages("one", range(9)))
    # By itself: Tansu takes the second message of the last batch for the end.
    await sink.send(messages("one", range(9, 10)))
    # Where the end is a time, its grain is a millisecond.
    await asyncio.sleep(0.01)
    start = time.time()
    positions = await bridge.end(channel)
    await asyncio.sleep(0.01)
    await sink.send(messages("one", range(10, 15)))
    source = await bridge.source(channel, positions)
    found = await received(source, 5)
    assert [one.message.offset for one in found] == list(range(10, 15))
    assert await source.receive() == []
    # When the broker took them, to the grain that it has.
    assert all(not one.at or start - 2 < one.at < time.time() + 2 for one in found)
    await asyncio.gather(sink.aclose(), source.aclose())


async def test_a_body_is_any_bytes_and_others_messages_are_taken_as_they_are(bridge: Bridge, channel: str) -> None:
    bodies = [bytes(range(256)), b"{}", b"\n\x00", "مرحبا".encode()]
    sink = await bridge.sink(channel)
    await sink.send([Message(body, headers={"of": "others"}) for body in bodies])
    source = await bridge.source(channel, {})
    found = await received(source, 4)
    assert sorted(one.message.body for one in found) == sorted(bodies)
    assert {(one.message.stream, one.message.headers["of"]) for one in found} == {("", "others")}
    ranks: dict[str, list[int]] = defaultdict(list)
    for one in found:
        ranks[one.partition].append(one.rank)
    assert all(len(set(numbers)) == len(numbers) for numbers in ranks.values())
    if source.ordered:
        assert all(sorted(numbers) == numbers for numbers in ranks.values())
    await sink.aclose()
    await source.aclose()


async def test_who_comes_back_gets_the_rest(place: Place, bridge: Bridge, channel: str) -> None:
    sink = await bridge.sink(channel)
    await sink.send(messages("one", range(50)))
    source = await bridge.source(channel, {})
    first: list[Delivery] = []
    async with asyncio.timeout(30):
        while len(first) < 20:
            batch = await source.receive(20 - len(first))
            await source.settle(batch)
            first += batch
    await source.aclose()
    await sink.send(messages("one", range(50, 70)))
    source = await bridge.source(channel, {one.partition: one.position for one in first})
    rest = await received(source, 50)
    assert [one.message.offset for one in (*first, *rest)] == list(range(70))
    assert await source.receive() == []
    await source.aclose()
    await sink.aclose()


async def test_what_was_not_settled_comes_again(bridge: Bridge, channel: str) -> None:
    sink = await bridge.sink(channel)
    await sink.send(messages("one", range(10)))
    source = await bridge.source(channel, {})
    before: Sequence[Delivery] = []
    while not before:
        before = await source.receive()
    await source.aclose()
    source = await bridge.source(channel, {})
    again = await received(source, 10)
    assert [one.message for one in again] == messages("one", range(10))
    await source.aclose()
    await sink.aclose()


async def test_a_message_that_is_too_large_is_refused_and_those_before_it_are_there(
    place: Place, bridge: Bridge, channel: str
) -> None:
    if not place.LARGEST:
        pytest.xfail("Redis takes half a gigabyte")
    sink = await bridge.sink(channel)
    with pytest.raises(Refused, match="at most") as refused:
        await sink.send(
            [*messages("one", range(3)), Message(bytes(2 * place.LARGEST), "one", 3, 3), *messages("one", range(4, 5))]
        )
    assert refused.value.index == 3
    await sink.send(messages("one", range(4, 6)))
    source = await bridge.source(channel, {})
    found = [one.message.offset for one in await received(source, 5)]
    assert found == [0, 1, 2, 4, 5]
    await source.aclose()
    await sink.aclose()


async def test_a_broker_that_goes_away_is_unavailable_and_loses_nothing_that_it_took(
    place: Place, bridge: Bridge, channel: str
) -> None:
    sink = await bridge.sink(channel)
    source = await bridge.source(channel, {})
    await sink.send(messages("one", range(20)))
    first = await received(source, 20)
    async with place.away():
        with pytest.raises(Unavailable):
            await sink.send(messages("one", range(20, 30)))
        with pytest.raises(Unavailable):
            async with asyncio.timeout(60):
                while True:
                    await source.receive()
        with pytest.raises(Unavailable):
            await send_anew(bridge, channel)
        await asyncio.gather(sink.aclose(), source.aclose())
    sink = await wait_for(bridge, channel)
    await sink.send(messages("one", range(20, 30)))
    source = await bridge.source(channel, {one.partition: one.position for one in first})
    rest = []
    async with asyncio.timeout(30):
        while not rest or rest[-1] != 29:
            batch = await source.receive()
            await source.settle(batch)
            rest += [one.message.offset for one in batch if one.message.stream]
    assert sorted(set(rest)) == list(range(20, 30))
    await asyncio.gather(sink.aclose(), source.aclose())


async def test_bodies_are_compressed_on_the_way_and_are_what_they_were(place: Place, channel: str) -> None:
    compressing = brokers.to(f"{place.address}{'&' if '?' in place.address else '?'}compression=zstd")
    bridge = brokers.to(place.address)
    bodies = [os.urandom(5_000), b"", b"short", b'{"order": 7}' * 500, "نص ".encode() * 400]
    sink = await compressing.sink(channel)
    source = await bridge.source(channel, {})
    wanted = [Message(body, "s", 1, number, {"of": "it"}) for number, body in enumerate(bodies)]
    await sink.send(wanted)
    found = [delivery.message for delivery in await received(source, len(bodies))]
    assert sorted(found, key=lambda one: one.offset) == wanted
    await asyncio.gather(sink.aclose(), source.aclose())


# What the client of Kinesis does with a request over 1 MiB.
@pytest.mark.filterwarnings("ignore:Sending a large body directly:ResourceWarning")
async def test_messages_of_a_megabyte_pass(bridge: Bridge, channel: str) -> None:
    wanted = [Message(bytes([number]) * 1_000_000, f"s{number % 2}", 1, number) for number in range(16)]
    sink = await bridge.sink(channel)
    source = await bridge.source(channel, {})
    await sink.send(wanted)
    found = [delivery.message for delivery in await received(source, 16)]
    assert sorted(found, key=lambda one: one.offset) == wanted
    await asyncio.gather(sink.aclose(), source.aclose())


@pytest.mark.django_db(transaction=True)
async def test_from_outbox_to_effect_nothing_is_lost_or_doubled_while_broker_and_consumer_are_killed(
    place: Place, bridge: Bridge, channel: str, settings: Any
) -> None:
    """Three streams of 200; what the consumer does is to put another message into an outbox that nobody empties."""
    settings.AURA_BROKERS = {"bus": place.address}
    # A broker may refuse to take new channels for a moment; this one is there.
    await (await bridge.sink(channel)).aclose()
    await visit(lambda: Route.objects.create(name="out", source="outbox:shop", target=f"bus:{channel}"))
    streams = ("a", "b", "c")

    def effect(message: Message) -> None:
        outbox.put("effects", message)

    async def consume(until: int) -> None:
        """Run a consumer until there are so many effects, then end it wherever it is."""
        task = asyncio.create_task(Consumer("billing", lambda places: bridge.source(channel, places), effect).run())
        try:
            async with asyncio.timeout(60):
                while await visit(Outgoing.objects.filter(outbox="effects").count) < until:
                    assert not task.done(), task.exception()
                    await asyncio.sleep(0.02)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def write(numbers: range) -> None:
        outbox.put("shop", *(Message(b"{}", stream, 1, number) for number in numbers for stream in streams))

    gateway = Gateway()
    gateway.start()
    try:
        await visit(write, range(70))
        await consume(until=100)
        async with place.away():
            await visit(write, range(70, 130))
        await consume(until=300)
        consuming = asyncio.create_task(consume(until=600))
        await visit(write, range(130, 170))
        async with place.away():
            await visit(write, range(170, 200))
        await consuming
    finally:
        await gateway.stop()
    found = await visit(
        lambda: list(Outgoing.objects.filter(outbox="effects").order_by("id").values_list("stream", "offset"))
    )
    for stream in streams:
        assert [offset for name, offset in found if name == stream] == list(range(200))
    assert not await visit(DeadLetter.objects.exists)
