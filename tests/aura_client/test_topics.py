"""Topics of the Python client: filters, positions, the three reliabilities, lines that break, readers that are slow."""

import asyncio
import os
from collections.abc import AsyncIterator

import pytest

from aura_client import Client, Closed, Event, Refused, Reliability, Subscription
from aura_client.topics import HIGH, parse_position
from tests.line import Line
from tests.live import LiveServer


@pytest.fixture
def topic(request: pytest.FixtureRequest) -> str:
    return f"client/{request.node.name[:60].replace('[', '-').replace(']', '')}"


@pytest.fixture
async def aura(live: LiveServer) -> AsyncIterator[Client]:
    async with Client(live.url, live.key, compress=False) as client:
        yield client


async def take(subscription: Subscription, count: int) -> list[Event]:
    async with asyncio.timeout(60):
        return [await anext(subscription) for _ in range(count)]


async def test_events_come_with_what_is_known_of_them(aura: Client, topic: str) -> None:
    async with await aura.subscribe(topic) as events:
        await events.ready()
        assert events.position == "1:0"
        assert await aura.publish(topic, {"n": 1, "text": "\u0645\u0631\u062d\u0628\u0627"}, kind="note") == 0
        (event,) = await take(events, 1)
        assert (event.topic, event.offset, event.sender, event.kind) == (topic, 0, "ada", "note")
        assert event.data == {"n": 1, "text": "\u0645\u0631\u062d\u0628\u0627"}
        assert event.at.tzinfo is not None
        assert events.position == event.position == "1:1"
    with pytest.raises(StopAsyncIteration):
        await anext(events)


async def test_a_filter_leaves_out(aura: Client, topic: str) -> None:
    events = await aura.subscribe(topic, wanted={"kind": ["a", "b"], "data.room": 3})
    for kind, room in (("a", 3), ("c", 3), ("a", 4), ("b", 3)):
        await aura.publish(topic, {"room": room}, kind=kind)
    assert [event.offset for event in await take(events, 2)] == [0, 3]


async def test_a_line_that_breaks_costs_no_event_and_doubles_none(live: LiveServer, aura: Client, topic: str) -> None:
    cuts = [0, 900, 1_000, 1_001, 1_500, 700, 2_000, 300, 1_200, 10, 2_500]
    async with Line(live.port, cuts) as proxy, Client(proxy.url, live.key, compress=False) as broken:
        # The first line carries what comes before; it is cut by hand.
        events = await broken.subscribe(topic)
        await events.ready()
        broken._line.drop()
        await asyncio.gather(*(aura.publish(topic, number) for number in range(120)))
        found = await take(events, 120)
        assert sorted(event.data for event in found) == list(range(120))
        assert [event.offset for event in found] == list(range(120))
        assert proxy.connections > 5


async def test_what_is_published_over_a_line_that_breaks_is_there_once(
    live: LiveServer, aura: Client, topic: str
) -> None:
    events = await aura.subscribe(topic)
    await events.ready()
    async with Line(live.port, [700, 900, 1_000, 1_001, 1_300]) as proxy, Client(proxy.url, live.key) as broken:
        offsets = await asyncio.gather(*(broken.publish(topic, number) for number in range(60)))
        assert sorted(offsets) == list(range(60))
        assert proxy.connections > 1
        identifier = os.urandom(16)
        assert await broken.publish(topic, "last", identifier=identifier) == 60
        assert await broken.publish(topic, "last", identifier=identifier) == 60
        assert await broken.publish(topic, "very last") == 61
    found = await take(events, 62)
    assert sorted(event.data for event in found[:60]) == list(range(60))
    assert [event.data for event in found[60:]] == ["last", "very last"]


async def test_another_program_goes_on_behind_a_position(live: LiveServer, aura: Client, topic: str) -> None:
    for number in range(5):
        await aura.publish(topic, number)
    async with await aura.subscribe(topic, after="1:0") as events:
        position = (await take(events, 2))[-1].position
    async with Client(live.url, live.key) as other, await other.subscribe(topic, after=position) as rest:
        assert rest.position == position
        assert [event.data for event in await take(rest, 3)] == [2, 3, 4]


async def test_at_least_once_goes_on_behind_what_was_acknowledged(live: LiveServer, aura: Client, topic: str) -> None:
    kept = {"reliability": Reliability.AT_LEAST_ONCE, "name": "billing"}
    async with Line(live.port) as proxy, Client(proxy.url, live.key) as first:
        events = await first.subscribe(topic, **kept)  # type: ignore[arg-type]
        await events.ready()
        for number in range(4):
            await aura.publish(topic, number)
        found = await take(events, 3)
        events.acknowledge(found[1])
        # The server has not heard of it, and sends all again after the break; who has them is not bothered.
        first._line.drop()
        await aura.publish(topic, 4)
        assert [event.data for event in await take(events, 2)] == [3, 4]
    async with Client(live.url, live.key) as second:
        events = await second.subscribe(topic, **kept)  # type: ignore[arg-type]
        assert [event.data for event in await take(events, 3)] == [2, 3, 4]


async def test_at_most_once_begins_with_what_comes_after_a_break(live: LiveServer, aura: Client, topic: str) -> None:
    async with Client(live.url, live.key, compress=False) as listening:
        events = await listening.subscribe(topic, reliability=Reliability.AT_MOST_ONCE)
        await events.ready()
        await aura.publish(topic, "before")
        assert [event.data for event in await take(events, 1)] == ["before"]
        listening._line.drop()
        while listening.reconnects == 0 or not listening._up.is_set():
            await aura.publish(topic, "maybe")
        while True:
            await aura.publish(topic, "after")
            (event,) = await take(events, 1)
            if event.data == "after":
                break


async def test_a_reader_that_is_slow_holds_the_server_back_and_not_its_memory(
    live: LiveServer, aura: Client, topic: str
) -> None:
    number = 6 * HIGH
    async with Client(live.url, live.key, compress=False) as slow:
        events = await slow.subscribe(topic)
        await events.ready()
        text = "x" * 1_000
        await asyncio.gather(*(aura.publish(topic, [place, text]) for place in range(number)))
        # An answer on the same connection does not wait for it.
        assert await (await slow.ask("Meanwhile", model="fast")).whole() == "Meanwhile"
        # What was on its way at the pause came too: less than the credit of a session.
        assert HIGH <= len(events._events) < HIGH + 300
        slow._line.drop()
        found = await take(events, number)
        assert [event.offset for event in found] == list(range(number))


async def test_what_the_server_refuses_is_said(aura: Client, topic: str) -> None:
    for options, code in [
        ({"topic": "no such/../name!"}, "unknown_stream"),
        ({"topic": topic, "after": "1:99"}, "resume_impossible"),
        ({"topic": topic, "wanted": {"a.b.c.d.e.f": 1}}, "malformed"),
    ]:
        with pytest.raises(Refused) as caught:
            await (await aura.subscribe(**options)).ready()  # type: ignore[arg-type]
        assert caught.value.code == code
    fine, large, nameless, forged = await asyncio.gather(
        aura.publish(topic, 1),
        aura.publish(topic, "x" * 40_000),
        aura.publish("no such name", 2),
        aura.publish(f"presence/{topic}", {"topic": topic}, kind="left"),
        return_exceptions=True,
    )
    assert fine == 0
    assert isinstance(large, Refused)
    assert isinstance(nameless, Refused)
    assert isinstance(forged, Refused)
    assert (large.code, nameless.code, forged.code) == ("too_large", "unknown_stream", "not_allowed")
    # They are not sent again on the next connection.
    aura._line.drop()
    assert await aura.publish(topic, 3) == 1


async def test_closing_the_client_ends_its_subscriptions(live: LiveServer, topic: str) -> None:
    async with Client(live.url, live.key) as aura:
        events = await aura.subscribe(topic)
    with pytest.raises(Closed):
        await anext(events)


@pytest.mark.parametrize("text", ["", "1", "0:1", "1:-1", "a:1", "1:1:1"])
def test_what_is_no_position_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="not a position"):
        parse_position(text)
