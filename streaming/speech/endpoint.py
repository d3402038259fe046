"""Speech by an OpenAI-compatible endpoint: `/audio/transcriptions` and `/audio/speech` under its base URL."""

import asyncio
import io
import wave
from collections.abc import Hashable
from typing import Any, Final

import aiohttp
import orjson

from streaming.audio import pcm
from streaming.audio.pcm import RATE, Samples
from streaming.speech.base import EngineBusy, Speech, SpeechError, Transcript, Word

#: What `response_format: pcm` means.
_PCM_RATE: Final = 24_000
_SECONDS: Final = 30.0
#: Two minutes of speech; more than any sentence takes.
_ANSWER_LIMIT: Final = 6 * 1024 * 1024
#: Calls at once; more speakers wait for their turn.
_CALLS: Final = 8
_WAITING: Final = 64


class Endpoint:
    """An engine that is asked over HTTP; see `streaming.speech.engines.Engine`."""

    def __init__(self, url: str, key: str, *, transcription: str, speech: str, voice: str) -> None:
        self.name = "endpoint"
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._transcription, self._speech, self._voice = transcription, speech, voice
        self._http: aiohttp.ClientSession | None = None
        self._room = asyncio.Semaphore(_CALLS)
        self._waiting = 0
        self.jobs = 0

    def __len__(self) -> int:
        return self._waiting

    async def warm_up(self) -> None:
        """There is nothing to load."""

    async def call(self, speaker: Hashable, method: str, *given: Any, passing: bool = False, **named: Any) -> Any:
        """Return a Transcript or a Speech. Raises SpeechError."""
        if self._waiting >= _WAITING or (passing and self._room.locked()):
            raise EngineBusy("too many people speak: wait a moment")
        self._waiting += 1
        try:
            async with self._room:
                self.jobs += 1
                async with asyncio.timeout(_SECONDS):
                    return await (self._speak if method == "speak" else self._transcribe)(*given, **named)
        except TimeoutError:
            raise SpeechError("the speech endpoint did not answer in time") from None
        except (aiohttp.ClientError, OSError) as error:
            raise SpeechError(f"the speech endpoint cannot be reached: {type(error).__name__}") from error
        finally:
            self._waiting -= 1

    def forget(self, speaker: Hashable) -> None:
        """Calls of a speaker who has gone end by themselves."""

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None or self._http.closed:
            self._http = aiohttp.ClientSession(headers=self._headers)
        return self._http

    async def _transcribe(self, samples: Samples, *, language: str = "", timed: bool = False) -> Transcript:
        form = aiohttp.FormData()
        form.add_field("file", wav(samples), filename="speech.wav", content_type="audio/wav")
        form.add_field("model", self._transcription)
        form.add_field("response_format", "verbose_json" if timed else "json")
        if timed:
            form.add_field("timestamp_granularities[]", "word")
        if language:
            form.add_field("language", language)
        async with self._session().post(
            f"{self._url}/audio/transcriptions", data=form, allow_redirects=False
        ) as response:
            data = await _body(response)
        try:
            answer = orjson.loads(data)
            words = tuple(
                Word(str(word["word"]).strip(), round(word["start"] * 1_000), round(word["end"] * 1_000))
                for word in answer.get("words") or ()
            )
            return Transcript(str(answer["text"]).strip(), str(answer.get("language") or language), words)
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
            raise SpeechError("the speech endpoint's transcript makes no sense") from error

    async def _speak(self, text: str) -> Speech:
        body = {"model": self._speech, "voice": self._voice, "input": text, "response_format": "pcm"}
        async with self._session().post(f"{self._url}/audio/speech", json=body, allow_redirects=False) as response:
            data = await _body(response)
        if data[:4] == b"RIFF":
            return from_wav(data)
        return Speech(data[: len(data) // 2 * 2], _PCM_RATE)

    async def aclose(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.close()


async def _body(response: aiohttp.ClientResponse) -> bytes:
    """Return the body of an answer. Raises SpeechError for a refusal or one that is too large."""
    data = bytearray()
    async for part in response.content.iter_chunked(65_536):
        data += part
        if len(data) > _ANSWER_LIMIT:
            raise SpeechError("the speech endpoint's answer is too long")
    if response.status != 200:
        raise SpeechError(f"the speech endpoint refused: {response.status} {data[:200].decode(errors='replace')}")
    return bytes(data)


def wav(samples: Samples) -> bytes:
    """Return samples at 16 kHz as a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(pcm.encode(samples))
    return file.getvalue()


def from_wav(data: bytes) -> Speech:
    """Return the speech in a WAV file. Raises SpeechError unless it is 16-bit mono."""
    try:
        with wave.open(io.BytesIO(data)) as source:
            if source.getnchannels() != 1 or source.getsampwidth() != 2:
                raise SpeechError("the speech endpoint's sound is not 16-bit mono")
            return Speech(source.readframes(source.getnframes()), source.getframerate())
    except (wave.Error, EOFError) as error:
        raise SpeechError("the speech endpoint's sound is no WAV file") from error
