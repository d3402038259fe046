"""The worked examples of the documents on a running server: a broker out as SSE, a WebSocket into a broker."""

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import orjson
import pytest

from streaming.bridges import brokers
from streaming.bridges.base import Message
from streaming.client import ChatClient
from streaming.protocol.client import Published
from tests.live import LiveServer
from tests.streaming.bridges.places import Redis
from tests.streaming.test_topics import until

ROUTES = """
from django.contrib.auth import get_user_model
from streaming.bridges.models import Route
ada = get_user_model().objects.get(username="ada")
Route(name="prices", source="events:prices", target="topic:shop/prices", user=ada, kind="price",
      filter='{"data.currency": "EUR"}', mapping='{"item": "$data.sku", "price": "$data.amount"}').save()
Route(name="orders", source="topic:shop/orders", target="work:orders", user=ada,
      mapping='{"order": "$data.id", "by": "$from"}').save()
"""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LiveServer, Redis]]:
    folder: Path = tmp_path_factory.mktemp("bridges")
    place = Redis(tmp_path_factory.mktemp("redis"))
    place.start()
    server = LiveServer(folder, AURA_BROKERS=json.dumps({"events": place.address, "work": place.address}))
    server.manage("shell", "--verbosity=0", "-c", ROUTES)
    server.start()
    yield server, place
    server.stop()
    place.stop()


def take(server: LiveServer, topic: str, count: int) -> list[dict[str, object]]:
    """Return a topic's first events, over SSE."""
    request = Request(
        f"{server.url}/api/v1/topics/{topic}/events?offset=0", headers={"Authorization": f"Bearer {server.key}"}
    )
    found: list[dict[str, object]] = []
    with urlopen(request, timeout=60) as response:
        for line in response:
            if line.startswith(b"data: ") and b'"event"' in line:
                found.append(json.loads(line[6:])["event"])
            if len(found) == count:
                break
    return found


async def test_a_broker_comes_out_as_sse_also_when_the_server_is_killed(pair: tuple[LiveServer, Redis]) -> None:
    server, place = pair
    sink = await brokers.to(place.address).sink("prices")

    async def price(numbers: range) -> None:
        bodies = [orjson.dumps({"sku": n, "amount": 2 * n, "currency": "EUR" if n % 2 else "USD"}) for n in numbers]
        await sink.send([Message(body) for body in bodies])

    await price(range(400))
    await asyncio.to_thread(take, server, "shop/prices", 20)
    await price(range(400, 1_200))
    await asyncio.to_thread(server.stop, signal.SIGKILL)
    await asyncio.to_thread(server.start)
    await price(range(1_200, 1_300))
    events = await asyncio.to_thread(take, server, "shop/prices", 650)
    assert [event["data"] for event in events] == [{"item": n, "price": 2 * n} for n in range(1, 1_300, 2)]
    assert {(event["from"], event["kind"]) for event in events} == {("ada", "price")}
    await sink.aclose()


async def test_a_websocket_goes_into_a_broker(pair: tuple[LiveServer, Redis]) -> None:
    server, place = pair
    async with ChatClient(server.ws.replace("ws/chat/", "ws/events/"), server.key) as client:
        for number in range(5):
            client.session.publish("shop/orders", json.dumps({"kind": "paid", "data": {"id": number}}), os.urandom(16))
        await until(client, Published, 5)
    source = await brokers.to(place.address).source("orders", {})
    found: list[Message] = []
    async with asyncio.timeout(30):
        while len(found) < 5:
            found += [delivery.message for delivery in await source.receive()]
    assert [orjson.loads(message.body) for message in found] == [{"order": n, "by": "ada"} for n in range(5)]
    assert [message.offset for message in found] == list(range(5))
    await source.aclose()
