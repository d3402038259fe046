"""What is heard of one turn, and of two that are one."""

import asyncio
from collections.abc import Hashable
from typing import Any

import pytest

from streaming.audio.pcm import Samples
from streaming.audio.stages import Stages
from streaming.speech.base import SpeechError
from streaming.speech.doubles import DoubleRecogniser, spell
from streaming.voice.hearing import Hearing


class Patient:
    """The double, which answers when it is let."""

    name = "patient"
    jobs = 0

    def __init__(self) -> None:
        self.let = asyncio.Event()

    async def call(self, speaker: Hashable, method: str, *given: Any, passing: bool = False, **named: Any) -> Any:
        await self.let.wait()
        return DoubleRecogniser().transcribe(*given, **named)

    def forget(self, speaker: Hashable) -> None:
        """Nothing waits."""

    async def warm_up(self) -> None:
        """There is nothing to load."""

    async def aclose(self) -> None:
        """Nor to close."""

    def __len__(self) -> int:
        return 0


def hearing(engine: Patient, *parts: Samples) -> Hearing:
    made = Hearing(engine, "ada", "en", Stages())
    for samples in parts:
        made.part(samples)
    return made


async def test_a_turn_that_goes_on_from_another_loses_no_word_of_it() -> None:
    engine = Patient()
    first = hearing(engine, spell("What is"))
    waiting = asyncio.create_task(first.transcript())
    await asyncio.sleep(0)
    second = hearing(engine)
    second.go_on_from(first)
    waiting.cancel()
    await asyncio.wait([waiting])
    second.finish(spell("the capital of France?"))
    engine.let.set()
    assert (await second.transcript()).text == "What is the capital of France?"
    assert second.seconds > 0.05


async def test_a_guess_that_holds_is_the_last_part() -> None:
    engine = Patient()
    engine.let.set()
    told: list[str] = []
    one = hearing(engine, spell("first"))
    one.guess(spell("wrong"), told.append)
    one.forget_guess()
    one.guess(spell("last"), told.append)
    one.finish(spell("last"))
    assert (await one.transcript()).text == "first last"
    assert told == []  # the end came before the guess
    two = hearing(engine)
    two.guess(spell("whole."), told.append)
    while not told:
        await asyncio.sleep(0)
    assert told == ["whole."]


async def test_what_is_not_understood_fails_only_when_nothing_is() -> None:
    engine = Patient()
    engine.let.set()
    assert (await hearing(engine, spell("cough!"), spell("good")).transcript()).text == "good"
    with pytest.raises(SpeechError, match="understood"):
        await hearing(engine, spell("cough!")).transcript()
