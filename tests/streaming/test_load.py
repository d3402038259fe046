"""Limits of a real server: rates, bandwidth, memory, priorities under congestion."""

import asyncio
import http.client
import json
import os
import time
from contextlib import ExitStack
from typing import Any

import pytest
from multidict import CIMultiDict

from streaming.client import ChatClient
from streaming.errors import Overloaded, RateLimited
from streaming.flow.congestion import Level
from streaming.load import ASKING, Load
from streaming.protocol.client import Ended, Failed
from streaming.protocol.codes import FaultCode, Mode, Priority
from tests.live import LiveServer


def post(
    live: LiveServer, path: str = "/ai/chat", asked: dict[str, Any] | None = None, **headers: str
) -> tuple[int, CIMultiDict[str], str]:
    connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=30)
    connection.request(
        "POST",
        path,
        json.dumps(asked or {"text": "Hi", "model": "fast"}),
        {"Authorization": f"Bearer {live.key}", "Content-Type": "application/json", **headers},
    )
    response = connection.getresponse()
    found = response.status, CIMultiDict(response.headers.items()), response.read().decode()
    connection.close()
    return found


@pytest.mark.environment(STREAMING_PROMPTS_PER_MINUTE="3")
async def test_a_user_who_asks_too_often_is_told_when_to_come_back(own_server: LiveServer) -> None:
    for _ in range(3):
        assert (await asyncio.to_thread(post, own_server))[0] == 200
    status, headers, body = await asyncio.to_thread(post, own_server)
    assert status == 429
    assert 1 <= int(headers["Retry-After"]) <= 21
    assert json.loads(body)["error"]["code"] == "rate_limited"
    async with ChatClient(own_server.ws, own_server.key) as client:
        events = [event async for event in client.ask("Hi", model="fast")]
        assert isinstance(events[-1], Failed)
        assert events[-1].fault.code == FaultCode.RATE_LIMITED
        assert 0 < events[-1].fault.retry_after <= 21_000
    async with ChatClient(own_server.ws, own_server.users["eve"]["key"]) as other:
        assert isinstance([event async for event in other.ask("Hi", model="fast")][-1], Ended)
    # Keys have limits of their own where they are looked at.
    asked = {"model": "fast", "messages": [{"role": "user", "content": "Hi"}]}
    assert (await asyncio.to_thread(post, own_server, "/v1/chat/completions", asked))[0] == 200


@pytest.mark.environment(STREAMING_BANDWIDTH_PER_USER="20000")
async def test_a_users_bandwidth_is_kept_whatever_the_number_of_connections(own_server: LiveServer) -> None:
    text = " ".join(os.urandom(50).hex() for _ in range(900))

    async def ask() -> int:
        async with ChatClient(own_server.ws, own_server.key, mode=Mode.TOKEN) as client:
            reading = client.session.ask(text, os.urandom(16), model="fast")
            async for event in client.follow(reading):
                if isinstance(event, Ended):
                    break
            return reading.wire_bytes

    begun = time.monotonic()
    sizes = await asyncio.gather(ask(), ask(), ask())
    # Two seconds' worth at once, the rest at the rate: a lower bound of time, which no slow machine can break.
    assert time.monotonic() - begun > sum(sizes) / 20_000 - 2 - 1
    assert sum(sizes) > 80_000


def test_under_congestion_urgent_work_goes_on(settings) -> None:
    settings.STREAMING_LAG_LIMIT = 0.5
    settings.STREAMING_PROMPTS_PER_MINUTE = 0
    load = Load()
    for number in range(100):
        load.congestion.observe(5.0, number * 0.1)
    assert load.congestion.level == Level.OVERLOADED
    load.admit(1, Priority.URGENT, 0)
    with pytest.raises(Overloaded) as caught:
        load.admit(1, Priority.NORMAL, 0)
    assert caught.value.retry_after > 2
    size, delay = load.chunking()
    assert size == 8 * settings.STREAMING_CHUNK_SIZE
    assert delay == 8 * settings.STREAMING_CHUNK_DELAY


def test_memory_and_rates_are_limits_too(settings) -> None:
    settings.STREAMING_MEMORY_LIMIT = 1_000
    settings.STREAMING_PROMPTS_PER_MINUTE = 2
    load = Load()
    with pytest.raises(Overloaded):
        load.admit(1, Priority.URGENT, 1_001)
    load.admit(1, Priority.NORMAL, 1_000)
    load.admit(1, Priority.NORMAL, 0)
    with pytest.raises(RateLimited, match="wait 30 s"):
        load.admit(1, Priority.NORMAL, 0)
    load.forget()
    with pytest.raises(RateLimited):
        load.admit(1, Priority.NORMAL, 0)
    load.admit(2, Priority.NORMAL, 0)


def test_of_many_questions_in_one_moment_the_last_are_refused_at_once(settings) -> None:
    load = Load()
    with ExitStack() as stack:
        for _ in range(ASKING[Priority.NORMAL]):
            stack.enter_context(load.asking(Priority.NORMAL))
        with pytest.raises(Overloaded) as refused, load.asking(Priority.NORMAL):
            pass
        assert refused.value.retry_after
        stack.enter_context(load.asking(Priority.URGENT))
        assert load.shed == 1
        settings.STREAMING_LAG_LIMIT = 0.0
        stack.enter_context(load.asking(Priority.NORMAL))
        settings.STREAMING_LAG_LIMIT = 1.0
    with load.asking(Priority.BULK):
        assert load.shed == 1


def test_the_more_streams_the_longer_tokens_gather_up_to_what_people_do_not_notice() -> None:
    load = Load()
    few, many, too_many = (load.gathering(streams) for streams in (1, 60, 10_000))
    assert few == load.chunking()
    assert few[0] == many[0]
    assert few[1] < many[1] < too_many[1] < 0.1


def test_where_the_event_loop_is_late_tokens_gather_longer_within_bounds() -> None:
    load = Load()
    punctual = load.gathering(500)[1]
    load.congestion.lag = 0.01
    late = load.gathering(500)[1]
    load.congestion.lag = 10.0
    assert punctual < late < load.gathering(500)[1] == 0.2
    # A few streams are not what makes it late.
    assert load.gathering(1) == load.chunking()


# Any lag at all is too much: what is tested is what a client sees of it.
@pytest.mark.environment(STREAMING_LAG_LIMIT="0.000001")
async def test_a_server_that_cannot_keep_up_refuses_with_a_retry_hint_and_recovers(own_server: LiveServer) -> None:
    await asyncio.sleep(1)
    status, headers, body = await asyncio.to_thread(post, own_server)
    assert status == 503
    assert json.loads(body)["error"]["code"] == "overloaded"
    assert int(headers["Retry-After"]) >= 2
    assert (await asyncio.to_thread(post, own_server, Priority="u=1"))[0] == 200
    _, _, stats = await asyncio.to_thread(own_server.get, "/api/streaming/stats")
    assert stats["load"]["level"] == "overloaded"
    assert stats["load"]["shed"] == 1
