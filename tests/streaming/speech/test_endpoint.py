"""Speech by an OpenAI-compatible endpoint, which is a real server here."""

import io
import wave
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from streaming.audio import pcm
from streaming.speech.base import SpeechError
from streaming.speech.doubles import read, spell
from streaming.speech.endpoint import Endpoint, wav


class Upstream:
    """Does as its `answer` says; keeps what it was asked."""

    def __init__(self) -> None:
        self.answer = ""
        self.asked: list[dict[str, Any]] = []

    async def transcriptions(self, request: web.Request) -> web.Response:
        form = await request.post()
        file = form["file"]
        assert isinstance(file, web.FileField)
        with wave.open(io.BytesIO(file.file.read())) as sound:
            assert (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) == (1, 2, 16_000)
            heard = read(pcm.decode(sound.readframes(sound.getnframes())))
        fields = {name: value for name, value in form.items() if name != "file"}
        self.asked.append({**fields, "key": request.headers.get("Authorization")})
        match self.answer:
            case "refuse":
                return web.json_response({"error": {"message": "no such model"}}, status=404)
            case "nonsense":
                return web.Response(text="<html>")
            case "other":
                return web.json_response(["text"])
        words = [{"word": word, "start": 0.5, "end": 1.0} for word in heard.split()]
        timed = {"words": words, "language": "english"} if fields["response_format"] == "verbose_json" else {}
        return web.json_response({"text": f" {heard} ", **timed})

    async def speech(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.asked.append(body)
        samples = spell(body["input"])
        match self.answer:
            case "wav":
                return web.Response(body=wav(samples))
            case "broken wav":
                return web.Response(body=b"RIFF....")
            case "endless":
                return web.Response(body=bytes(7 * 1024 * 1024))
            case "refuse":
                return web.Response(status=500, text="broken")
        return web.Response(body=pcm.encode(samples) + b"\0")


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[tuple[Upstream, Endpoint]]:
    upstream = Upstream()
    application = web.Application()
    application.router.add_post("/v1/audio/transcriptions", upstream.transcriptions)
    application.router.add_post("/v1/audio/speech", upstream.speech)
    async with TestServer(application) as server:
        url = str(server.make_url("/v1/"))
        endpoint = Endpoint(url, "secret", transcription="whisper-1", speech="tts-1", voice="alloy")
        yield upstream, endpoint
        await endpoint.aclose()


async def test_transcription(upstream: tuple[Upstream, Endpoint]) -> None:
    server, endpoint = upstream
    heard = await endpoint.call("a", "transcribe", spell("good morning"), language="en")
    assert (heard.text, heard.language, heard.words) == ("good morning", "en", ())
    asked = {"model": "whisper-1", "response_format": "json", "language": "en", "key": "Bearer secret"}
    assert server.asked == [asked]
    timed = await endpoint.call("a", "transcribe", spell("good morning"), timed=True)
    assert [(word.text, word.start, word.end) for word in timed.words] == [
        ("good", 500, 1_000),
        ("morning", 500, 1_000),
    ]


async def test_speech(upstream: tuple[Upstream, Endpoint]) -> None:
    server, endpoint = upstream
    speech = await endpoint.call("a", "speak", "read me")
    assert (read(pcm.decode(speech.audio)), speech.rate) == ("read me", 24_000)
    assert server.asked == [{"model": "tts-1", "voice": "alloy", "input": "read me", "response_format": "pcm"}]
    server.answer = "wav"
    speech = await endpoint.call("a", "speak", "read me")
    assert (read(pcm.decode(speech.audio)), speech.rate) == ("read me", 16_000)


@pytest.mark.parametrize(
    ("method", "answer", "says"),
    [
        ("transcribe", "refuse", "404"),
        ("transcribe", "nonsense", "makes no sense"),
        ("transcribe", "other", "makes no sense"),
        ("speak", "refuse", "500 broken"),
        ("speak", "broken wav", "no WAV"),
        ("speak", "endless", "too long"),
    ],
)
async def test_failures(upstream: tuple[Upstream, Endpoint], method: str, answer: str, says: str) -> None:
    server, endpoint = upstream
    server.answer = answer
    with pytest.raises(SpeechError, match=says):
        await endpoint.call("a", method, spell("hm") if method == "transcribe" else "hm")
    server.answer = ""
    await endpoint.call("a", method, spell("hm") if method == "transcribe" else "hm")


async def test_nobody_there() -> None:
    endpoint = Endpoint("http://127.0.0.1:9/v1", "", transcription="", speech="", voice="")
    with pytest.raises(SpeechError, match="cannot be reached"):
        await endpoint.call("a", "speak", "hm")
    await endpoint.aclose()
