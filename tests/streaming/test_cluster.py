"""Two server processes on one record, with Redis between them: streams written by one and read through the other."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from redis.asyncio import Redis

from streaming.client import ChatClient
from streaming.lines import LineClosed
from streaming.protocol import frames
from streaming.protocol.client import Ended, Reading, TextArrived
from streaming.protocol.codes import Action, Finish, Mode
from tests.live import LiveServer


@pytest.fixture
def servers(pair: tuple[LiveServer, LiveServer]) -> tuple[LiveServer, LiveServer]:
    for server in pair:
        if server.process is None or server.process.poll() is not None:
            server.process = None
            server.start()
    return pair


@asynccontextmanager
async def reading_of(server: LiveServer, words: int) -> AsyncIterator[tuple[ChatClient, Reading]]:
    """A client that has read that many words of an answer of 300."""
    async with ChatClient(server.ws, server.key, mode=Mode.TOKEN) as client:
        reading = client.session.ask("Speak", os.urandom(16), model="smart")
        async for event in client.follow(reading):
            if isinstance(event, TextArrived) and len(reading.text.split()) >= words:
                break
        yield client, reading


def state_of(server: LiveServer, reading: Reading) -> tuple[str, str]:
    _, _, body = server.get(f"/api/v1/conversations/{UUID(bytes=reading.conversation)}")
    turn = body["turns"][1]
    return turn["state"], turn["text"]


async def follow_elsewhere(server: LiveServer, client: ChatClient) -> None:
    """Let the client come back through another server."""
    client.drop()
    client._url = server.ws
    await client.connect()


async def test_a_client_goes_on_through_another_server_while_the_first_writes(
    servers: tuple[LiveServer, LiveServer],
) -> None:
    first, second = servers
    async with reading_of(first, 30) as (client, reading):
        await follow_elsewhere(second, client)
        events = [event async for event in client.follow(reading)]
        assert isinstance(events[-1], Ended)
        assert events[-1].done.finish == Finish.STOP
        assert len(reading.text.split()) == 300
    assert await asyncio.to_thread(state_of, second, reading) == ("done", reading.text)


async def test_the_other_server_takes_over_when_the_writer_is_killed(servers: tuple[LiveServer, LiveServer]) -> None:
    first, second = servers
    async with reading_of(first, 30) as (client, reading):
        await follow_elsewhere(second, client)
        async for _ in client.follow(reading):
            if len(reading.text.split()) >= 60:
                break
        await asyncio.to_thread(first.stop, signal.SIGKILL)
        events = [event async for event in client.follow(reading)]
        assert isinstance(events[-1], Ended)
        assert len(reading.text.split()) == 300
    assert await asyncio.to_thread(state_of, second, reading) == ("done", reading.text)
    assert "are good" in await asyncio.to_thread(second.manage, "verify_audit")


async def test_a_writer_that_was_frozen_finds_its_stream_taken_and_follows_it(
    servers: tuple[LiveServer, LiveServer],
) -> None:
    first, second = servers
    async with reading_of(first, 20) as (stayed, reading):
        assert first.process is not None
        first.process.send_signal(signal.SIGSTOP)
        try:
            async with ChatClient(second.ws, second.key, mode=Mode.TOKEN) as other:
                again = other.session.ask("Speak", reading.stream, model="smart")
                async for _ in other.follow(again):
                    if len(again.text.split()) >= 200:
                        break
                first.process.send_signal(signal.SIGCONT)
                first_events = asyncio.create_task(collect(stayed, reading))
                events = [event async for event in other.follow(again)]
                assert isinstance(events[-1], Ended)
                assert len(again.text.split()) == 300
                assert isinstance((await first_events)[-1], Ended)
                assert reading.text == again.text
        finally:
            first.process.send_signal(signal.SIGCONT)
    assert await asyncio.to_thread(state_of, second, reading) == ("done", reading.text)


async def collect(client: ChatClient, reading: Reading) -> list[object]:
    return [event async for event in client.follow(reading)]


async def test_a_cancel_reaches_the_process_that_writes(servers: tuple[LiveServer, LiveServer]) -> None:
    first, second = servers
    async with reading_of(first, 20) as (client, reading):
        await follow_elsewhere(second, client)
        async for event in client.follow(reading):
            if isinstance(event, TextArrived):
                break
        client.session.to_send.append(frames.Control(reading.channel, Action.CANCEL))
        events = [event async for event in client.follow(reading)]
        assert isinstance(events[-1], Ended)
        assert events[-1].done.finish == Finish.CANCELLED
    assert (await asyncio.to_thread(state_of, first, reading))[0] == "cancelled"


async def test_a_stream_goes_on_for_its_readers_elsewhere_and_ends_when_the_last_one_leaves(
    servers: tuple[LiveServer, LiveServer],
) -> None:
    first, second = servers
    async with reading_of(first, 20) as (client, reading):
        await follow_elsewhere(second, client)
        begun = time.monotonic()
        # Longer than the grace after a broken line: only the reader elsewhere keeps it going.
        async for event in client.follow(reading):
            if isinstance(event, Ended):
                break
            if time.monotonic() - begun > 2:
                break
        await client.close()
    for _ in range(100):
        state, text = await asyncio.to_thread(state_of, second, reading)
        if state != "open":
            break
        await asyncio.sleep(0.1)
    assert (state, len(text.split()) < 300) in (("cancelled", True), ("done", False))


async def test_a_server_that_drains_hands_its_answers_over(servers: tuple[LiveServer, LiveServer]) -> None:
    first, second = servers
    first.stop()
    first.environment["SMART_MODEL"] = second.environment["SMART_MODEL"] = "mock:mock-900-10"
    first.start()
    second.stop()
    second.start()
    async with reading_of(first, 20) as (client, reading):
        stopping = asyncio.create_task(asyncio.to_thread(first.stop))
        with pytest.raises(LineClosed):
            async for _ in client.follow(reading):
                pass
        client._url = second.ws
        await client.connect()
        events = [event async for event in client.follow(reading)]
        assert isinstance(events[-1], Ended)
        assert len(reading.text.split()) == 900
        await stopping


async def test_what_is_erased_is_gone_from_redis_too(servers: tuple[LiveServer, LiveServer]) -> None:
    first, _ = servers
    async with ChatClient(first.ws, first.users["eve"]["key"], mode=Mode.TOKEN) as client:
        reading = client.session.ask("Speak", os.urandom(16), model="genius")
        assert isinstance([event async for event in client.follow(reading)][-1], Ended)
        kept = f"aura:stream:{reading.stream.hex()}"
        async with Redis.from_url(first.environment["REDIS_URL"]) as redis:
            await redis.set("aura:stream:another", "stays")
            assert kept.encode() in await redis.keys("aura:stream:*")
            erase = ("erase_subject", "eve", "--reason", "asked for", "--keep-account", "--yes")
            await asyncio.to_thread(first.manage, *erase)
            left = await redis.keys("aura:stream:*")
            assert kept.encode() not in left
            assert b"aura:stream:another" in left
