"""Speech whose engines are an endpoint elsewhere: a real HTTP server, a real AURA server, a real line."""

import asyncio
import io
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from streaming.audio import pcm
from streaming.protocol import frames
from streaming.protocol.codes import FaultCode, VoiceAction
from streaming.speech.doubles import read, spell
from streaming.voice.session import UNHEARD
from tests.live import LiveServer
from tests.streaming.voice_line import VoiceLine, detail

QUESTION = "What is the capital of France, please tell me now?"


class Upstream:
    """Hears and says what the doubles do, unless it is `broken`."""

    def __init__(self) -> None:
        self.broken = ""

    async def transcriptions(self, request: web.Request) -> web.Response:
        form = await request.post()
        assert request.headers["Authorization"] == "Bearer secret"
        if self.broken == "hearing":
            return web.json_response({"error": {"message": "out of memory"}}, status=503)
        file = form["file"]
        assert isinstance(file, web.FileField)
        with wave.open(io.BytesIO(file.file.read())) as sound:
            return web.json_response({"text": read(pcm.decode(sound.readframes(sound.getnframes())))})

    async def speech(self, request: web.Request) -> web.Response:
        if self.broken == "speaking":
            return web.Response(status=500)
        return web.Response(body=pcm.encode(spell(f"{(await request.json())['input']} ")))


@pytest_asyncio.fixture
async def remote(tmp_path: Path) -> AsyncIterator[tuple[Upstream, LiveServer]]:
    upstream = Upstream()
    application = web.Application(client_max_size=8 * 1024 * 1024)
    application.router.add_post("/v1/audio/transcriptions", upstream.transcriptions)
    application.router.add_post("/v1/audio/speech", upstream.speech)
    async with TestServer(application) as server:
        live = LiveServer(
            tmp_path,
            AURA_VOICE_ENDPOINT=str(server.make_url("/v1")),
            AURA_VOICE_ENDPOINT_KEY="secret",
            AURA_VOICE_DETECTOR="loudness",
        )
        await asyncio.to_thread(live.start)
        yield upstream, live
        await asyncio.to_thread(live.stop)


async def test_a_conversation_whose_engines_are_elsewhere_and_fail(remote: tuple[Upstream, LiveServer]) -> None:
    upstream, live = remote
    async with VoiceLine(live, "remote") as line:
        ready = await line.listen(model="fast")
        assert detail(ready) == {"recogniser": "endpoint", "synthesiser": "endpoint"}
        await line.say(QUESTION)
        assert (await line.voice(VoiceAction.TRANSCRIPT)).text == QUESTION
        speaking = await line.voice(VoiceAction.SPEAKING)
        assert speaking.rate == 24_000
        await line.voice(VoiceAction.REPORT)
        assert read(pcm.decode(line.sounds(1))).split() == QUESTION.split()
        await asyncio.sleep(2 * UNHEARD / 1_000)  # or what is said next belongs to the same question
        upstream.broken = "hearing"
        await line.say(QUESTION)
        while not isinstance(fault := await line.next(), frames.Fault):
            pass
        assert (fault.code, fault.retry) == (FaultCode.SPEECH_FAILED, 1)
        assert "503" in fault.message
        upstream.broken = "speaking"
        await line.say(QUESTION)
        turn = (await line.voice(VoiceAction.TRANSCRIPT)).turn
        assert "500" in detail(await line.voice(VoiceAction.SPOKEN))["silent"]
        assert line.sounds(turn) == b""
