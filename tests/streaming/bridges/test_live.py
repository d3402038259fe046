"""The worked examples of the documents on a running server: a broker out as SSE, a WebSocket into a broker."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import orjson
import pytest

from streaming.bridges import brokers
from streaming.bridges.base import Message
from streaming.client import ChatClient
from streaming.protocol.client import Published
from tests.live import ROOT, LiveServer
from tests.streaming.bridges.places import Kafka, RabbitMQ, started
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
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    yield from started(RabbitMQ(tmp_path_factory.mktemp("rabbitmq"), lined=False))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, kafka: Kafka, rabbitmq: RabbitMQ) -> Iterator[LiveServer]:
    folder: Path = tmp_path_factory.mktemp("bridges")
    server = LiveServer(folder, AURA_BROKERS=json.dumps({"events": kafka.address, "work": rabbitmq.address}))
    server.manage("shell", "--verbosity=0", "-c", ROUTES)
    server.start()
    yield server
    server.stop()


def take(server: LiveServer, topic: str, count: int) -> list[dict[str, Any]]:
    """Return a topic's first events, over SSE."""
    request = Request(
        f"{server.url}/api/v1/topics/{topic}/events?offset=0", headers={"Authorization": f"Bearer {server.key}"}
    )
    found: list[dict[str, Any]] = []
    with urlopen(request, timeout=60) as response:
        for line in response:
            if line.startswith(b"data: ") and b'"event"' in line:
                found.append(json.loads(line[6:])["event"])
            if len(found) == count:
                break
    return found


async def test_a_kafka_topic_comes_out_as_sse_also_when_the_server_is_killed(server: LiveServer, kafka: Kafka) -> None:
    sink = await brokers.to(kafka.address).sink("prices")

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
    # Without keys they are in any order: Kafka spreads them over its partitions.
    found = sorted((event["data"]["item"], event["data"]["price"]) for event in events)
    assert found == [(number, 2 * number) for number in range(1, 1_300, 2)]
    assert {(event["from"], event["kind"]) for event in events} == {("ada", "price")}
    await sink.aclose()


async def test_a_websocket_goes_into_rabbitmq(server: LiveServer, rabbitmq: RabbitMQ) -> None:
    async with ChatClient(server.ws.replace("ws/chat/", "ws/events/"), server.key) as client:
        for number in range(5):
            client.session.publish("shop/orders", json.dumps({"kind": "paid", "data": {"id": number}}), os.urandom(16))
        await until(client, Published, 5)
    # And as the guide does it.
    guide = (ROOT / "docs" / "how-to" / "bridges.md").read_text().partition("## A WebSocket into RabbitMQ")[2]
    code = guide.partition("```python\n")[2].partition("```")[0].replace("127.0.0.1:8000", f"127.0.0.1:{server.port}")
    environment = {**os.environ, "KEY": server.key}
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, env=environment, stdout=subprocess.PIPE)
    async with asyncio.timeout(50):
        said, _ = await process.communicate()
    assert json.loads(said)["type"] == "published"
    source = await brokers.to(rabbitmq.address).source("orders", {})
    found: list[Message] = []
    async with asyncio.timeout(30):
        while len(found) < 6:
            found += [delivery.message for delivery in await source.receive()]
    assert [orjson.loads(message.body) for message in found] == [{"order": n, "by": "ada"} for n in (0, 1, 2, 3, 4, 7)]
    assert {"aura-stream", "aura-epoch", "aura-offset"} <= found[5].all_headers().keys()
    assert [message.offset for message in found] == list(range(6))
    await source.aclose()
