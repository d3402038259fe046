"""The engines of this process, by the settings."""

import asyncio
import logging
from collections.abc import Hashable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from django.conf import settings

from streaming.audio.activity import Detector, LoudnessDetector
from streaming.speech import hibari, silero, whisper
from streaming.speech.base import NoEngine, SpeechError
from streaming.speech.process import EngineProcess

if TYPE_CHECKING:
    from streaming.speech.endpoint import Endpoint

log = logging.getLogger(__name__)


class Engine(Protocol):
    """An engine as sessions see it: asked from the event loop, for one of several speakers."""

    name: str
    jobs: int

    async def call(self, speaker: Hashable, method: str, *given: Any, passing: bool = False, **named: Any) -> Any:
        """Return what `method` of a `Recogniser` or `Synthesiser` returns. What is `passing` may give way.

        Raises SpeechError.
        """
        ...

    def forget(self, speaker: Hashable) -> None:
        """Drop what waits for a speaker."""
        ...

    async def warm_up(self) -> None:
        """Get ready. Raises SpeechError."""
        ...

    async def aclose(self) -> None:
        """End."""
        ...

    def __len__(self) -> int: ...


class Engines:
    """Made on first use, once a process."""

    def __init__(self) -> None:
        self._made: dict[str, Engine] = {}

    def recogniser(self) -> Engine:
        """Return what turns speech into text. Raises NoEngine with what to do."""
        match self.choice("recogniser"):
            case "endpoint":
                return self._once("endpoint")
            case "double":
                return self._once("double-recogniser")
            case "whisper" if whisper.installed():
                return self._once("whisper")
        raise NoEngine(whisper.MISSING)

    def synthesiser(self) -> Engine:
        """Return what turns text into speech. Raises NoEngine with what to do."""
        match self.choice("synthesiser"):
            case "endpoint":
                return self._once("endpoint")
            case "double":
                return self._once("double-synthesiser")
            case "hibari" if hibari.installed():
                return self._once("hibari")
        raise NoEngine(hibari.MISSING)

    def detector(self) -> Detector:
        """Return a new listener for one speaker. Without the neural one it goes by loudness."""
        wanted = settings.AURA_VOICE_DETECTOR
        if wanted == "silero" or (wanted == "auto" and silero.installed()):
            return silero.SileroDetector()
        return LoudnessDetector()

    def prepare(self) -> None:
        """Load what an endpoint needs, if one is configured, so that no speaker waits until its library is there."""
        if "endpoint" in (self.choice("recogniser"), self.choice("synthesiser")):
            self._once("endpoint")

    def choice(self, kind: str) -> str:
        """Return the engine of a kind that the settings mean."""
        wanted = str(getattr(settings, f"AURA_VOICE_{kind.upper()}"))
        if wanted != "auto":
            return wanted
        return "endpoint" if settings.AURA_VOICE_ENDPOINT else {"recogniser": "whisper", "synthesiser": "hibari"}[kind]

    def missing(self) -> str:
        """Return why nobody can speak here, empty when one can."""
        try:
            self.recogniser()
        except NoEngine as error:
            return str(error)
        return ""

    async def warm_up(self) -> None:
        """Load what is there, so that the first speaker does not wait."""
        for which in (self.recogniser, self.synthesiser):
            try:
                await which().warm_up()
            except NoEngine:
                continue
            except SpeechError as error:
                log.warning("%s", error)
        if not self.missing():
            await asyncio.to_thread(self.detector)

    def hush(self, speaker: Hashable) -> None:
        """Drop what waits to be read aloud to a speaker."""
        with suppress(NoEngine):
            self.synthesiser().forget(speaker)

    def forget(self, speaker: Hashable) -> None:
        """Drop all that waits for a speaker."""
        for engine in self._made.values():
            engine.forget(speaker)

    def counts(self) -> dict[str, Any]:
        """Return how much they have done and have to do, by their names."""
        return {name: {"jobs": engine.jobs, "waiting": len(engine)} for name, engine in self._made.items()}

    async def aclose(self) -> None:
        """End all of them."""
        made, self._made = self._made, {}
        for engine in made.values():
            await engine.aclose()

    def _once(self, name: str) -> Engine:
        if name not in self._made:
            self._made[name] = _endpoint() if name == "endpoint" else EngineProcess(name)
        return self._made[name]


def _endpoint() -> "Endpoint":
    # A third of a second, for aiohttp: a server that has an endpoint loads it when it starts (see `prepare`).
    from streaming.speech.endpoint import Endpoint

    return Endpoint(
        settings.AURA_VOICE_ENDPOINT,
        settings.AURA_VOICE_ENDPOINT_KEY,
        transcription=settings.AURA_VOICE_TRANSCRIPTION_MODEL,
        speech=settings.AURA_VOICE_SPEECH_MODEL,
        voice=settings.AURA_VOICE_SPEECH_VOICE,
    )


engines = Engines()
