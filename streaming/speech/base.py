"""What a speech engine is.

An engine is a plain class that works: it is called in a worker process (`worker`) or a thread, never on the event loop, for
one speaker at a time, and keeps nothing of one call for the next.

SpeechError             an engine could not do it; the session goes on
├── NoEngine            none is installed or configured: the message says what to do
├── EngineLost          its process ended or hung in the middle; the same again may work
└── EngineBusy          too many jobs of this speaker wait
"""

from dataclasses import dataclass, field
from typing import Any, Protocol

from streaming.audio.pcm import Samples


class SpeechError(Exception):
    """The message is for the speaker."""


class NoEngine(SpeechError):
    pass


class EngineLost(SpeechError):
    pass


class EngineBusy(SpeechError):
    pass


@dataclass(frozen=True, slots=True)
class Word:
    """A word and when it was said, in milliseconds from the beginning of the samples."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said. `language` is its code (ISO 639-1), `words` is empty when the engine gives no times."""

    text: str
    language: str = ""
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Speech:
    """A text read aloud: 16-bit PCM, little-endian, mono, `rate` samples a second."""

    audio: bytes
    rate: int

    @property
    def seconds(self) -> float:
        return len(self.audio) / 2 / self.rate


@dataclass(frozen=True, slots=True)
class Job:
    """A method of an engine and what it is given."""

    method: str
    given: tuple[Any, ...] = ()
    named: dict[str, Any] = field(default_factory=dict)


class Recogniser(Protocol):
    """Turns speech into text."""

    def transcribe(self, samples: Samples, *, language: str = "", timed: bool = False) -> Transcript:
        """Return what is said in at most 30 s of samples at 16 kHz, with the times of its words if they are wanted and the
        engine knows them. `language` is a hint, empty to find out. Raises SpeechError."""
        ...


class Synthesiser(Protocol):
    """Turns text into speech."""

    def speak(self, text: str) -> Speech:
        """Return the text read aloud; no audio for what it cannot say. Raises SpeechError."""
        ...
