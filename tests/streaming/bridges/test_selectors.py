"""Figures of the bridges, as they stand in the database."""

import asyncio
import time
from typing import Any

import pytest

from streaming.bridges import memory, outbox
from streaming.bridges.base import Message
from streaming.bridges.gateway import Gateway
from streaming.bridges.memory import SIZE_LIMIT
from streaming.bridges.models import Route
from streaming.bridges.selectors import figures
from streaming.database import visit

pytestmark = pytest.mark.django_db(transaction=True)


async def test_what_routes_do_is_counted_and_how_far_behind_they_are(settings: Any) -> None:
    settings.AURA_BROKERS = {"bus": "memory://figures"}
    there = memory.broker("figures")
    there.down = True
    bodies = (b'{"room": 1}', b'{"room": 2}', b'{"room": 1}', b"{" + b" " * SIZE_LIMIT + b'"room": 1}')
    messages = [Message(body, "s", 1, number) for number, body in enumerate(bodies)]
    await visit(
        lambda: Route.objects.create(name="out", source="outbox:shop", target="bus:x", filter='{"data.room": 1}')
    )
    await visit(lambda: outbox.put("shop", *messages))
    await visit(lambda: outbox.put("other", *messages[:2]))
    found = await visit(figures)
    assert found["outboxes"] == {"shop": 4, "other": 2}
    assert found["routes"]["out"]["lag"] is None
    gateway = Gateway()
    gateway.start()
    try:
        await until(lambda: Route.objects.filter(state="trouble").exists())
        assert not (await visit(figures))["routes"]["out"]["running"]
        there.down = False
        await until(lambda: figures()["outboxes"] == {"other": 2})
        await visit(lambda: outbox.put("shop", messages[0]))
        await until(lambda: figures()["routes"]["out"]["duplicates"] == 1)
        await until(lambda: figures()["routes"]["out"]["lag"] is not None)
        found = await visit(figures)
    finally:
        await gateway.stop()
    route = found["routes"]["out"]
    counts = {name: route[name] for name in ("consumed", "published", "filtered", "duplicates", "dead")}
    assert counts == {"consumed": 5, "published": 2, "filtered": 1, "duplicates": 1, "dead": 1}
    assert route["running"]
    assert found["dead_letters"] == {"route:out": 1}
    # A route that nobody runs falls behind.
    await visit(lambda: Route.objects.update(caught_up=time.time() - 600))
    stopped = (await visit(figures))["routes"]["out"]
    assert stopped["lag"] >= 600
    assert not stopped["running"]
    await visit(lambda: Route.objects.update(active=False))
    assert (await visit(figures))["routes"]["out"]["lag"] is None


async def until(found: Any) -> None:
    async with asyncio.timeout(30):
        while not await visit(found):
            await asyncio.sleep(0.05)
