"""Speech over real lines, with doubles of the engines: sound whose samples spell its text."""

import asyncio
import base64
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from streaming.audio import pcm
from streaming.client import ChatClient
from streaming.protocol import frames
from streaming.protocol.client import Ended
from streaming.protocol.codes import Action, CloseCode, FaultCode, Finish, Mode, VoiceAction, VoiceStyle
from streaming.speech.doubles import read, spell
from streaming.voice.session import UNHEARD
from tests.live import LiveServer
from tests.streaming.voice_line import VoiceLine, detail, silence

QUESTION = "What is the capital of France, please tell me now?"
CONVERSATION = bytes(range(16))


def spoken(line: VoiceLine, turn: int) -> str:
    return read(pcm.decode(line.sounds(turn)))


async def turns(live: LiveServer, conversation: bytes) -> list[dict[str, Any]]:
    status, _, body = await asyncio.to_thread(live.get, f"/api/v1/conversations/{UUID(bytes=conversation)}")
    assert status == 200
    return list(body["turns"])


async def fault(line: VoiceLine) -> frames.Fault:
    found = await line.frame(frames.Fault)
    assert isinstance(found, frames.Fault)
    return found


async def test_a_question_is_heard_answered_read_aloud_and_on_the_record(hearing: LiveServer) -> None:
    async with VoiceLine(hearing, "first") as line:
        ready = await line.listen(model="fast", conversation=CONVERSATION)
        assert ready.conversation == CONVERSATION
        await line.say(QUESTION)
        transcript = await line.voice(VoiceAction.TRANSCRIPT)
        assert (transcript.text, transcript.language, transcript.turn) == (QUESTION, "en", 1)
        done = await line.voice(VoiceAction.SPOKEN)
        # The model that was asked says what it was told; two pieces, the first as soon as it was there.
        assert spoken(line, 1).split() == QUESTION.split()
        captions = [f.text for f in line.seen if isinstance(f, frames.Voice) and f.action == VoiceAction.SPEAKING]
        assert captions == ["What is the capital of France,", "please tell me now?"]
        assert detail(done)["ms"] == pytest.approx(len(line.sounds(1)) / 32, abs=2)
        report = detail(await line.voice(VoiceAction.REPORT))
        assert [word[0] for word in report["words"]] == QUESTION.split()
        assert {"transcribe", "record", "first_text", "synthesise", "first_audio"} <= set(report["stages"])
        assert (report["understood"], report["chunks_missing"], report["chunks_dropped"]) == (1, 0, 0)
        listed = (await asyncio.to_thread(hearing.get, "/api/streaming/sessions"))[2]["sessions"]
        (one,) = [session for session in listed if session.get("voice", {}).get("voice") == "first"]
        assert one["transport"] == "audio"
        assert one["voice"]["chunks"] == line.sequence
    question, answer = await turns(hearing, CONVERSATION)
    assert (question["text"], answer["text"], answer["state"]) == (QUESTION, QUESTION, "done")
    stats = (await asyncio.to_thread(hearing.get, "/api/streaming/stats"))[2]["voice"]
    assert stats["engines"]["double-recogniser"]["jobs"] >= 1


async def test_the_answer_is_a_stream_as_any_other(hearing: LiveServer) -> None:
    """Another line reads it, as the page does."""
    async with VoiceLine(hearing, "stream") as line, ChatClient(hearing.ws, hearing.key, mode=Mode.TOKEN) as chat:
        await line.listen(model="nano")
        await line.say(QUESTION)
        transcript = await line.voice(VoiceAction.TRANSCRIPT)
        reading = chat.session.resume(transcript.stream)
        events = [event async for event in chat.follow(reading)]
        assert isinstance(events[-1], Ended)
        assert len(reading.text.split()) == 60
        await line.voice(VoiceAction.SPOKEN)
        assert spoken(line, 1).split() == reading.text.split()


async def test_what_is_said_stands_where_the_page_says_and_what_follows_behind_it(hearing: LiveServer) -> None:
    conversation, streams = bytes(range(32, 48)), []
    async with VoiceLine(hearing, "branch") as line, ChatClient(hearing.ws, hearing.key) as chat:
        for text in ("One.", "Two."):
            reading = chat.session.ask(text, bytes([len(streams)]) + bytes(range(15)), conversation, "fast")
            streams.append(reading.stream)
            assert isinstance([event async for event in chat.follow(reading)][-1], Ended)
        await line.listen(model="fast", style=VoiceStyle.PUSH_TO_TALK, conversation=conversation, after=streams[0])
        for text in (QUESTION, f"{QUESTION} Once more."):
            await line.act(VoiceAction.BEGIN)
            await line.sound(spell(text))
            await line.act(VoiceAction.END)
            streams.append((await line.voice(VoiceAction.TRANSCRIPT)).stream)
            await line.voice(VoiceAction.SPOKEN)
    said = [turn for turn in await turns(hearing, conversation) if turn["role"] == "user"]
    assert [turn["text"] for turn in said] == ["One.", "Two.", QUESTION, f"{QUESTION} Once more."]
    names = [str(UUID(bytes=stream)) for stream in streams]
    assert [turn["after"] for turn in said] == [None, names[0], names[0], names[2]]


async def test_speech_interrupts_an_answer_and_ends_it(hearing: LiveServer) -> None:
    async with VoiceLine(hearing, "barge") as line:
        ready = await line.listen(model="smart")
        await line.say(QUESTION)
        await line.frame(frames.Audio)
        await asyncio.sleep(2 * UNHEARD / 1_000)
        await line.say("Stop it now, that is enough for me, thank you.")
        heard = await line.voice(VoiceAction.HEARD)
        assert heard.turn == 2
        stopped = await line.voice(VoiceAction.STOPPED)
        assert stopped.turn == 1
        assert detail(stopped)["reason"] == "speech"
        assert detail(stopped)["spoken_ms"] > 0
        before = len(line.seen)
        await line.voice(VoiceAction.TRANSCRIPT)
        assert not [one for one in line.seen[before:] if isinstance(one, frames.Audio) and one.turn == 1]
        await line.send(frames.Control(0, Action.BARGE_IN))
        assert detail(await line.voice(VoiceAction.STOPPED))["reason"] == "asked"
    async with asyncio.timeout(20):
        while True:
            found = await turns(hearing, ready.conversation)
            if [turn["state"] for turn in found if turn["role"] == "assistant"] == ["cancelled", "cancelled"]:
                break
            await asyncio.sleep(0.05)
    assert len(found[1]["text"].split()) < 400


async def test_a_pause_for_thought_belongs_to_the_turn(hearing: LiveServer) -> None:
    """What is said before anybody was asked is one question with what comes behind it."""
    async with VoiceLine(hearing, "pause") as line:
        await line.listen(model="fast")
        await line.sound(np.concatenate((silence(0.2), spell("I would like to know one thing"), silence(0.5))))
        await line.sound(np.concatenate((spell("and that is how old you are."), silence(1.0))))
        transcript = await line.voice(VoiceAction.TRANSCRIPT)
        assert transcript.text == "I would like to know one thing and that is how old you are."


async def test_who_goes_on_before_the_answer_was_heard_asks_one_question(hearing: LiveServer) -> None:
    """A sentence seemed to be whole: its answer is taken back, and what was said is said whole."""
    async with VoiceLine(hearing, "breath") as line:
        ready = await line.listen(model="smart")
        await line.say("I would like to know one thing.")
        assert (await line.voice(VoiceAction.TRANSCRIPT)).text == "I would like to know one thing."
        await line.say("How old are you, my friend?")
        stopped = await line.voice(VoiceAction.STOPPED)
        assert (stopped.turn, detail(stopped)["reason"]) == (1, "went_on")
        second = await line.voice(VoiceAction.TRANSCRIPT)
        assert (second.turn, second.text) == (2, "I would like to know one thing. How old are you, my friend?")
        await line.send(frames.Control(0, Action.BARGE_IN))
        await line.voice(VoiceAction.STOPPED)
    asked = [turn["text"] for turn in await turns(hearing, ready.conversation) if turn["role"] == "user"]
    assert asked == ["I would like to know one thing.", second.text]


async def test_push_to_talk(hearing: LiveServer) -> None:
    async with VoiceLine(hearing, "button") as line:
        await line.listen(model="fast", style=VoiceStyle.PUSH_TO_TALK)
        await line.sound(spell("nobody asked for this, so it is not heard at all"))
        await line.sound(silence(0.5))
        await line.act(VoiceAction.BEGIN)
        assert (await line.voice(VoiceAction.HEARD)).turn == 1
        await line.sound(np.concatenate((silence(0.1), spell(QUESTION), silence(0.1))))
        await line.act(VoiceAction.END)
        assert (await line.voice(VoiceAction.TRANSCRIPT)).text == QUESTION
        await line.act(VoiceAction.BEGIN)
        await line.sound(silence(0.5))
        await line.act(VoiceAction.END)
        assert detail(await line.voice(VoiceAction.PASSED))["reason"] == "silence"


async def test_noise_is_passed_over(hearing: LiveServer) -> None:
    noise = np.random.default_rng(1).uniform(-0.05, 0.05, 16_000).astype(np.float32)
    async with VoiceLine(hearing, "noise") as line:
        await line.listen(model="fast", style=VoiceStyle.PUSH_TO_TALK)
        await line.act(VoiceAction.BEGIN)
        await line.sound(noise)
        await line.act(VoiceAction.END)
        assert detail(await line.voice(VoiceAction.PASSED))["reason"] in ("silence", "no_words")


async def test_an_endless_speech_is_answered_at_the_limit(hearing: LiveServer) -> None:
    async with VoiceLine(hearing, "endless") as line:
        await line.listen(model="fast")
        for _ in range(6):
            await line.sound(np.concatenate((spell("and another thing is this " * 8), silence(0.03))))
        transcript = await line.voice(VoiceAction.TRANSCRIPT)
        assert detail(transcript)["reason"] == "limit"
        assert transcript.text.startswith("and another thing is this")
        await line.send(frames.Control(0, Action.BARGE_IN))
        await line.sound(silence(1.0))
        await line.say(QUESTION)
        while (await line.voice(VoiceAction.TRANSCRIPT)).text != QUESTION:
            pass


async def test_bad_sound_is_refused_and_the_session_goes_on(hearing: LiveServer) -> None:
    async with VoiceLine(hearing, "bad") as line:
        await line.act(VoiceAction.BEGIN)
        assert (await fault(line)).code == FaultCode.MALFORMED
        await line.send(frames.Voice(action=VoiceAction.LISTEN, rate=4_000))
        found = await fault(line)
        assert found.code == FaultCode.BAD_AUDIO
        assert "8000 to 48000" in found.message
        await line.send(frames.Voice(action=VoiceAction.LISTEN, rate=16_000, style=9))
        assert (await fault(line)).code == FaultCode.MALFORMED
        await line.send(frames.Voice(action=99))
        assert (await fault(line)).code == FaultCode.MALFORMED
        await line.listen(model="fast")
        await line.send(frames.Audio(0, 0, b"odd"))
        found = await fault(line)
        assert found.code == FaultCode.BAD_AUDIO
        assert "16-bit" in found.message
        await line.send(frames.Audio(0, 0, bytes(70_000)))
        assert (await fault(line)).code == FaultCode.TOO_LARGE
        for sequence in range(1, 41):
            await line.send(frames.Audio(0, sequence, bytes(64_000)))
        found = await fault(line)
        assert found.code == FaultCode.RATE_LIMITED
        line.sequence = 100
    async with VoiceLine(hearing, "bad-2") as line:
        await line.listen(model="fast")
        await line.say(QUESTION)
        assert (await line.voice(VoiceAction.TRANSCRIPT)).text == QUESTION


@pytest.mark.parametrize(("words", "said"), [("cough!", "understood"), ("die!", "differently")])
async def test_a_recogniser_that_fails_costs_one_turn(hearing: LiveServer, words: str, said: str) -> None:
    async with VoiceLine(hearing, "fails") as line:
        await line.listen(model="fast")
        await line.say(f"This cannot be heard because of a {words} in it.")
        found = await fault(line)
        assert (found.code, found.retry) == (FaultCode.SPEECH_FAILED, 1)
        assert said in found.message
        assert detail(await line.voice(VoiceAction.PASSED))["reason"] == "failed"
        await line.say(QUESTION)
        assert (await line.voice(VoiceAction.TRANSCRIPT)).text == QUESTION


async def test_a_sentence_that_cannot_be_read_aloud_is_shown(hearing: LiveServer) -> None:
    async with VoiceLine(hearing, "stammer") as line:
        await line.listen(model="fast")
        await line.say("This one is spoken. This one will stammer! And this one is spoken again.")
        done = await line.voice(VoiceAction.SPOKEN)
        assert spoken(line, 1).split() == [
            "This",
            "one",
            "is",
            "spoken.",
            "And",
            "this",
            "one",
            "is",
            "spoken",
            "again.",
        ]
        assert "could not be read aloud" in detail(done)["silent"]


async def test_two_pages_of_one_user_and_a_second_user(hearing: LiveServer) -> None:
    async with VoiceLine(hearing, "tab-1") as one, VoiceLine(hearing, "tab-2") as two:
        await one.listen()
        await two.listen()
        assert detail(await one.voice(VoiceAction.MUTED))["reason"] == "elsewhere"
        async with VoiceLine(hearing, "tab-3", hearing.users["eve"]["key"]) as other:
            await other.send(frames.Voice(action=VoiceAction.LISTEN, rate=16_000))
            found = await fault(other)
            assert found.code == FaultCode.OVERLOADED
            assert found.retry_after > 0
            await two.act(VoiceAction.MUTE)
            assert detail(await two.voice(VoiceAction.MUTED))["reason"] == "asked"
            await other.listen()


async def test_a_line_that_breaks_in_the_middle_of_an_answer(hearing: LiveServer) -> None:
    line = VoiceLine(hearing, "broken")
    async with line:
        await line.listen(model="smart")
        await line.say(QUESTION)
        await line.frame(frames.Audio)
        line.line.transport.abort()
    again = VoiceLine(hearing, "broken")
    async with again:
        have = len(line.sounds(1))
        count = sum(isinstance(one, frames.Audio) for one in line.seen)
        await again.listen(model="smart", turn=1, sequence=count)
        first = await again.frame(frames.Audio)
        assert (first.turn, first.sequence) == (1, count)
        assert have > 0
        await again.send(frames.Control(0, Action.BARGE_IN))
        await again.voice(VoiceAction.STOPPED)


async def test_who_takes_a_voice_over_has_it(hearing: LiveServer) -> None:
    async with VoiceLine(hearing, "same") as one:
        await one.listen()
        async with VoiceLine(hearing, "same") as two:
            with pytest.raises(ConnectionClosed) as closed:
                while True:
                    await one.next()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == CloseCode.REPLACED
            await two.listen(model="fast")
            await two.say(QUESTION)
            assert (await two.voice(VoiceAction.TRANSCRIPT)).text == QUESTION


async def test_words_may_be_typed_on_the_same_line(hearing: LiveServer) -> None:
    from streaming.protocol.codec import encode_raw, text_check

    async with VoiceLine(hearing, "typed") as line:
        await line.send(
            frames.Prompt(1, bytes(range(1, 17)), payload=encode_raw("Hi").data, check=text_check("Hi"), model="fast")
        )
        done = await line.frame(frames.Done)
        assert done.finish == Finish.STOP


async def test_sound_is_kept_only_if_the_operator_wants_it(hearing: LiveServer) -> None:
    conversation = bytes(range(50, 66))
    async with VoiceLine(hearing, "kept") as line:
        await line.listen(model="fast", conversation=conversation)
        await line.say(QUESTION)
        await line.voice(VoiceAction.SPOKEN)
    printed = await asyncio.to_thread(
        hearing.manage,
        "shell",
        "--verbosity=0",
        "-c",
        "from uuid import UUID\nfrom audit.models import Entry\nfrom audit.selectors import events_of\n"
        f"entries = Entry.objects.filter(conversation=UUID(bytes={conversation!r}), kind='control')\n"
        "found = [event for event in events_of(entries) if event.meta.get('action') == 'audio']\n"
        "print('pcm', found[0].meta['rate'], found[0].meta['pcm'])",
    )
    rate, data = printed.split("pcm ")[1].split()[:2]
    assert rate == "16000"
    assert read(pcm.decode(base64.b64decode(data))) == QUESTION


@pytest.mark.parametrize(
    ("path", "subprotocol", "code"),
    [
        ("a%20b", "aura.v1", CloseCode.BAD_FRAME),
        ("x" * 65, "aura.v1", CloseCode.BAD_FRAME),
        ("json", "aura.v1.json", CloseCode.UNSUPPORTED_VERSION),
    ],
)
async def test_lines_that_cannot_be(hearing: LiveServer, path: str, subprotocol: str, code: CloseCode) -> None:
    url = hearing.ws.replace("/ws/chat/", f"/ws/audio/{path}/")
    headers = {"Authorization": f"Bearer {hearing.key}"}
    async with connect(url, subprotocols=[subprotocol], additional_headers=headers) as line:
        with pytest.raises(ConnectionClosed) as closed:
            await line.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == code


async def test_a_line_for_text_carries_no_speech(hearing: LiveServer) -> None:
    plain = VoiceLine(hearing, "z")
    plain.url = hearing.ws
    async with plain:
        await plain.send(frames.Voice(action=VoiceAction.LISTEN, rate=16_000))
        found = await fault(plain)
        assert found.code == FaultCode.NOT_ALLOWED
        assert "ws/audio/" in found.message
        await plain.send(frames.Control(0, Action.BARGE_IN))
        assert (await fault(plain)).code == FaultCode.NOT_ALLOWED
