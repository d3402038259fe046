"""Hibari: English text to speech without a network, from one small network and numpy, far faster than it is listened to."""

import importlib.util
from typing import Final

from streaming.audio import pcm
from streaming.speech.base import NoEngine, Speech, SpeechError

MISSING: Final = "Answers are not read aloud on this server: install its engines (docs/how-to/voice.md)."
#: Letters of this share must be Latin, or it would read noise.
_LATIN: Final = 0.5
#: It says 0.3 s of silence first and 0.4 s last. What is kept of it, in seconds: none that a listener would wait for, the
#: pause behind a sentence, and the join of a sentence that is said in pieces.
_LEAD: Final = 0.02
_PAUSE: Final = 0.3
_JOIN: Final = 0.05
_ENDS: Final = (".", "!", "?", ":", "…")
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
        if not text.strip() or (letters and latin < _LATIN * len(letters)):
            return Speech(b"", self.rate)
        whole = text.rstrip("\"'”’)").endswith(_ENDS)
        try:
            # What ends in the middle of a sentence is said so that more may come.
            sound = self._voice(text if whole or text.endswith(",") else f"{text},", seed=_SEED)
            return Speech(pcm.encode(pcm.trimmed(sound, self.rate, _LEAD, _PAUSE if whole else _JOIN)), self.rate)
        except (KeyError, ValueError, IndexError) as error:
            raise SpeechError(f"this sentence could not be read aloud: {error}") from error
