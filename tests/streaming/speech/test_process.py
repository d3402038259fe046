"""Engines in processes of their own: in turn, and started again when they are lost."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from streaming.audio import pcm
from streaming.audio.queue import LIMIT
from streaming.speech.base import EngineBusy, EngineLost, SpeechError
from streaming.speech.doubles import read, spell
from streaming.speech.process import EngineProcess, Superseded


@pytest_asyncio.fixture
async def recogniser() -> AsyncIterator[EngineProcess]:
    engine = EngineProcess("double-recogniser")
    yield engine
    await engine.aclose()


async def test_it_hears_and_says_why_it_cannot(recogniser: EngineProcess) -> None:
    await asyncio.gather(recogniser.warm_up(), recogniser.warm_up())
    assert (await recogniser.call("a", "transcribe", spell("good morning"), timed=True)).words[0].text == "good"
    with pytest.raises(SpeechError, match="understood"):
        await recogniser.call("a", "transcribe", spell("cough!"))
    with pytest.raises(SpeechError, match="failed"):
        await recogniser.call("a", "no_such_method")
    assert recogniser.starts == 1


async def test_a_killed_process_costs_nothing_and_a_poisonous_job_only_itself(recogniser: EngineProcess) -> None:
    await recogniser.warm_up()
    assert recogniser.pid is not None
    os.kill(recogniser.pid, signal.SIGKILL)
    assert (await recogniser.call("a", "transcribe", spell("still here"))).text == "still here"
    assert recogniser.starts == 2
    poison = asyncio.create_task(recogniser.call("a", "transcribe", spell("die!")))
    other = asyncio.create_task(recogniser.call("b", "transcribe", spell("and here")))
    with pytest.raises(EngineLost):
        await poison
    assert (await other).text == "and here"


async def test_captions_give_way_and_queues_are_bounded(recogniser: EngineProcess) -> None:
    await recogniser.warm_up()
    calls = [asyncio.create_task(recogniser.call("a", "transcribe", spell(f"turn {n}"))) for n in range(LIMIT)]
    old = asyncio.create_task(recogniser.call("b", "transcribe", spell("caption"), passing=True))
    await asyncio.sleep(0)
    new = asyncio.create_task(recogniser.call("b", "transcribe", spell("newer caption"), passing=True))
    with pytest.raises(Superseded):
        await old
    assert [one.text for one in await asyncio.gather(*calls)] == [f"turn {n}" for n in range(LIMIT)]
    assert (await new).text == "newer caption"
    many = [asyncio.create_task(recogniser.call("a", "transcribe", spell("x"))) for _ in range(LIMIT + 4)]
    found = await asyncio.gather(*many, return_exceptions=True)
    assert sum(isinstance(one, EngineBusy) for one in found) >= 3


async def test_what_waits_for_a_speaker_who_left_is_dropped(recogniser: EngineProcess) -> None:
    await recogniser.warm_up()
    calls = [asyncio.create_task(recogniser.call("a", "transcribe", spell("a"))) for _ in range(4)]
    await asyncio.sleep(0)
    recogniser.forget("a")
    found = await asyncio.gather(*calls, return_exceptions=True)
    assert any(isinstance(one, Superseded) for one in found)
    assert len(recogniser) == 0


async def test_one_that_is_closed_takes_nothing_more() -> None:
    engine = EngineProcess("double-synthesiser")
    speech = await engine.call("a", "speak", "read me")
    assert read(pcm.decode(speech.audio)).strip() == "read me"
    assert speech.seconds == pytest.approx(8 * 64 / 16_000)
    await engine.aclose()
    assert engine.pid is None
    with pytest.raises(EngineLost):
        await engine.call("a", "speak", "read me")


async def test_an_engine_that_cannot_be_loaded_says_so() -> None:
    engine = EngineProcess("no-such-engine")
    with pytest.raises(SpeechError, match="could not be loaded"):
        await engine.warm_up()
    await engine.aclose()
