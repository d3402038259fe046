"""The voice over the other server, of many people at once, and when the server is killed."""

import asyncio
import signal
from collections.abc import Iterator
from uuid import UUID

import pytest

from streaming.audio import pcm
from streaming.protocol import frames
from streaming.protocol.codes import Action, VoiceAction
from streaming.speech.doubles import read
from streaming.voice.session import UNHEARD
from tests.live import LiveServer
from tests.streaming.voice.conftest import DOUBLES
from tests.streaming.voice_line import VoiceLine, detail

QUESTION = "What is the capital of France, please tell me now?"
PEOPLE = 20
ROUNDS = 3
USERS = f"""
from django.contrib.auth import get_user_model
from routing_ai.services import create_key
for number in range({PEOPLE}):
    print("key", create_key(get_user_model().objects.create_user(f"speaker-{{number}}"), "voice")[1])
"""


@pytest.fixture
def daphne(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    server = LiveServer(tmp_path_factory.mktemp("daphne"), "daphne", **DOUBLES)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    settings = {**DOUBLES, "AURA_VOICE_SPEAKERS": str(PEOPLE), "AURA_VOICE_KEEP_AUDIO": "false"}
    server = LiveServer(tmp_path_factory.mktemp("own"), **settings)
    server.start()
    yield server
    server.stop()


async def chunks(live: LiveServer, key: str) -> int:
    """Return how many chunks of sound the server has heard of a user."""
    listed = (await asyncio.to_thread(live.get, "/api/streaming/sessions", key))[2]["sessions"]
    return sum(session["voice"]["chunks"] for session in listed if "voice" in session)


async def test_over_daphne(daphne: LiveServer) -> None:
    async with VoiceLine(daphne, "daphne") as line:
        await line.listen(model="fast")
        await line.say(QUESTION)
        assert (await line.voice(VoiceAction.TRANSCRIPT)).text == QUESTION
        await line.voice(VoiceAction.SPOKEN)
        assert read(pcm.decode(line.sounds(1))).split() == QUESTION.split()
        await line.listen(model="smart")
        await line.say(QUESTION)
        assert (await line.voice(VoiceAction.TRANSCRIPT)).turn == 2
        await line.frame(frames.Audio)
        await line.send(frames.Control(0, Action.BARGE_IN))
        assert detail(await line.voice(VoiceAction.STOPPED))["reason"] == "asked"


async def test_twenty_people_speak_at_once_and_nothing_is_lost(own: LiveServer) -> None:
    printed = await asyncio.to_thread(own.manage, "shell", "--verbosity=0", "-c", USERS)
    keys = [line.split()[1] for line in printed.splitlines() if line.startswith("key ")]

    async def person(number: int, key: str) -> None:
        async with VoiceLine(own, f"person-{number}", key) as line:
            await line.listen(model="fast")
            for turn in range(1, ROUNDS + 1):
                said = f"This is number {number} with the question {turn}, so what do you say?"
                await line.say(said)
                assert (await line.voice(VoiceAction.TRANSCRIPT)).text == said
                await line.voice(VoiceAction.SPOKEN)
                assert read(pcm.decode(line.sounds(turn))).split() == said.split()
                report = detail(await line.voice(VoiceAction.REPORT))
                assert (report["understood"], report["chunks_missing"], report["chunks_dropped"]) == (turn, 0, 0)
                await asyncio.sleep(2 * UNHEARD / 1_000)  # or what is said next belongs to the same question

            async with asyncio.timeout(30):
                while await chunks(own, key) < line.sequence:
                    await asyncio.sleep(0.1)

    await asyncio.gather(*(person(number, key) for number, key in enumerate(keys)))
    async with asyncio.timeout(30):
        while True:
            voice = (await asyncio.to_thread(own.get, "/api/streaming/stats"))[2]["voice"]
            if voice["sessions"] == voice["listening"] == 0:
                break
            await asyncio.sleep(0.1)
    assert [one["waiting"] for one in voice["engines"].values()] == [0, 0]


async def test_a_server_that_is_killed_in_the_middle_of_an_answer(own: LiveServer) -> None:
    """The answer is gone on with, the voice too, and nothing that was heard is missing on the record."""
    line = VoiceLine(own, "killed")
    async with line:
        ready = await line.listen(model="smart")
        await line.say(QUESTION)
        transcript = await line.voice(VoiceAction.TRANSCRIPT)
        spoken = await line.voice(VoiceAction.SPEAKING)
        await line.frame(frames.Audio)
        own.stop(signal.SIGKILL)
    await asyncio.to_thread(own.start)
    async with VoiceLine(own, "killed") as again:
        count = sum(isinstance(one, frames.Audio) for one in line.seen)
        asked = {"conversation": ready.conversation, "turn": 1, "sequence": count}
        assert (await again.listen(model="fast", **asked)).turn == 1
        # Its answer is a stream as any other.
        await again.send(frames.Resume(1, transcript.stream))
        assert isinstance(await again.frame(frames.Done), frames.Done)
        await again.say("And what comes after all of this, my friend?")
        second = await again.voice(VoiceAction.TRANSCRIPT)
        assert (second.turn, second.conversation) == (2, ready.conversation)
        await again.voice(VoiceAction.SPOKEN)
        assert read(pcm.decode(again.sounds(2))).split() == second.text.split()
    turns = (await asyncio.to_thread(own.get, f"/api/v1/conversations/{UUID(bytes=ready.conversation)}"))[2]["turns"]
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user", "assistant"]
    assert (turns[0]["text"], turns[2]["text"], turns[3]["text"]) == (QUESTION, second.text, second.text)
    assert turns[1]["text"].startswith(spoken.text)
    assert (turns[1]["state"], len(turns[1]["text"].split())) == ("done", 400)
