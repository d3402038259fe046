"""Hibari: English text to speech without a network, from one small network and numpy, far faster than it is listened to."""

import importlib.util
from typing import Final

from streaming.audio import pcm
from streaming.speech.base import NoEngine, Speech, SpeechError

MISSING: Final = "Answers are not read aloud on this server: install its engines (docs/how-to/voice.md)."
#: Letters of this share must be Latin, or it would read noise.
_LATIN: Final = 0.5
#: The voice's randomness; the same text sounds the same.
_SEED: Final = 7


def installed() -> bool:
    """Return whether it can be loaded."""
    return all(importlib.util.find_spec(name) for name in ("hibari", "onnxruntime"))


class Hibari:
    """The voice in memory."""

    def __init__(self) -> None:
        """Raises NoEngine."""
        if not installed():
            raise NoEngine(MISSING)
        import hibari

        self._voice = hibari.Hibari()
        self.rate: int = self._voice.sample_rate
        self.speak("Ready, 1 2 3.")  # the first sentence loads the dictionaries

    def speak(self, text: str) -> Speech:
        """See `Synthesiser`."""
        letters = [letter for letter in text if letter.isalpha()]
        latin = sum(letter < "\u0250" for letter in letters)
        if letters and latin < _LATIN * len(letters):
            return Speech(b"", self.rate)
        try:
            return Speech(pcm.encode(self._voice(text, seed=_SEED)), self.rate)
        except (KeyError, ValueError, IndexError) as error:
            raise SpeechError(f"this sentence could not be read aloud: {error}") from error
