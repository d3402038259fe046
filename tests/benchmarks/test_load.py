"""The load generator against a real server: people of every way in, an idle crowd, a storm; and what it calls an error."""

import asyncio
import time
from contextlib import ExitStack

import pytest

from benchmarks import clock
from benchmarks.chats import ApiChat, Chat, Seen, SessionChat, keep_chatting
from benchmarks.load import Idle, Server, crowd, own_server, storm
from benchmarks.people import WAYS, Reading, Tally, Target, Wrong
from streaming.load import ASKING
from streaming.protocol.codes import Priority


def test_what_is_missing_or_there_twice_is_an_error() -> None:
    target = Target("", [], "", tokens=3, clock=True)
    for words, error in (("a b c ", ""), ("a b", "tokens missing"), ("a b c d ", "tokens twice")):
        tally = Tally()
        reading = Reading(target, tally)
        for character in words:
            reading.take(character)
        if error:
            with pytest.raises(Wrong, match=error):
                reading.end()
        else:
            reading.end()
        assert tally.answers == (not error)
        assert len(tally.firsts) == 1


def test_a_delay_is_from_the_moment_that_the_model_said_it() -> None:
    tally = Tally()
    said = time.monotonic_ns() - 5_000_000_000
    Reading(Target("", [], "", clock=True), tally).take(f"{clock.word(said).decode()} ")
    assert 5_000 <= tally.delays[0] < 60_000


@pytest.fixture(scope="module")
def server():
    with ExitStack() as stack:
        yield own_server(stack, STREAMING_LAG_LIMIT="0")


@pytest.fixture
def overloaded():
    with ExitStack() as stack:
        # Where questions come too slowly for there to be too many at once, because the machine is busy, the loop is late.
        yield own_server(stack, STREAMING_LAG_LIMIT="0.05")


async def test_people_of_every_way_get_whole_answers(server: Server) -> None:
    few = Target(server.target.url, server.target.keys, "nano", 20, clock=True)
    tally = Tally()
    await crowd(Server(few, server.pid), tally, people=10, ramp=0.1, soak=1.0, think=0.2)
    assert dict(tally.errors) == {}
    assert tally.answers >= 10
    assert tally.tokens == tally.answers * 20
    assert len(tally.firsts) == tally.answers
    assert {"websocket", "sse", "openai"} == set(WAYS)


async def test_a_key_that_does_not_count_is_an_error(server: Server) -> None:
    tally = Tally()
    strangers = Server(Target(server.target.url, ["aura_wrong"], "nano", 20), server.pid)
    await crowd(strangers, tally, people=10, ramp=0.1, soak=0.2, think=0.1)
    assert tally.answers == 0
    assert tally.errors["status 401"] > 0


@pytest.mark.parametrize("kind", [SessionChat, ApiChat])
async def test_chats_never_pause_and_lose_nothing(server: Server, kind: type[Chat]) -> None:
    few = Target(server.target.url, server.target.keys, "nano", 20, clock=True)
    seen = Seen()
    await keep_chatting(few, 5, 0.1, 3.0, seen, kind)
    assert dict(seen.errors) == {}
    assert seen.answers >= 5
    assert len(seen.delays) == seen.tokens
    assert seen.streaming == 0
    assert seen.refused == 0


@pytest.mark.parametrize("kind", [SessionChat, ApiChat])
async def test_what_is_too_much_is_refused_and_the_rest_answered(overloaded: Server, kind: type[Chat]) -> None:
    target = Target(overloaded.target.url, overloaded.target.keys, "nano", 20, clock=True)
    seen = Seen()
    # More in one moment than may be on their way to the record at once.
    await keep_chatting(target, 2 * ASKING[Priority.NORMAL], 0.0, 3.0, seen, kind)
    assert dict(seen.errors) == {}
    assert seen.refused > 0
    assert len(seen.refusals) == seen.refused
    assert seen.answers > 0


async def test_after_a_storm_everybody_is_back_with_nothing_lost(server: Server) -> None:
    idle, tally = Idle(server.target), Tally()
    await idle.open(30)
    assert (idle.open_now, idle.failed) == (30, 0)
    async with asyncio.timeout(60):
        assert await storm(server, idle, 5, tally) > 0
    assert dict(tally.errors) == {}
    assert (tally.answers, tally.tokens) == (5, 1_000)
    assert idle.open_now == 30
    idle.drop()
