"""Engines without a model, for tests and for trying the rest: speech whose samples spell its text.

`DoubleSynthesiser` writes each byte of a text as 64 samples of one loudness, `DoubleRecogniser` reads it back. Other sound
is silence to it. A text that holds "cough!" cannot be heard, one that holds "stammer!" cannot be read aloud, and one
that holds "die!" ends the engine's process.
"""

import os
from typing import Final

import numpy as np

from streaming.audio import pcm
from streaming.audio.pcm import RATE, Samples
from streaming.speech.base import Speech, SpeechError, Transcript, Word

#: Samples of one byte: 4 ms. A byte is twice as loud as the highest silence, or more.
BLOCK: Final = 64
_LEAST: Final = 0.25
_STEP: Final = 1 / 512
_SILENCE: Final = 0.125


class DoubleSynthesiser:
    """See `Synthesiser`."""

    def speak(self, text: str) -> Speech:
        if "stammer!" in text:
            raise SpeechError("this sentence could not be read aloud")
        return Speech(pcm.encode(spell(f"{text} ")), RATE)


class DoubleRecogniser:
    """See `Recogniser`."""

    def transcribe(self, samples: Samples, *, language: str = "", timed: bool = False) -> Transcript:
        text = read(samples)
        if "cough!" in text:
            raise SpeechError("that could not be understood")
        if "die!" in text:
            os._exit(1)
        length = len(samples) * 1_000 // RATE
        words = tuple(Word(word, 0, length) for word in text.split()) if timed else ()
        return Transcript(text, language or "en", words)


def spell(text: str) -> Samples:
    """Return the samples of a text."""
    loudness = np.frombuffer(text.encode(), np.uint8).astype(np.float32) * _STEP + _LEAST
    signs = np.where(np.arange(BLOCK) % 2, -1.0, 1.0).astype(np.float32)
    samples: Samples = (loudness[:, None] * signs[None, :]).reshape(-1)
    return samples


def read(samples: Samples) -> str:
    """Return the texts that stand in samples, joined by spaces."""
    loud = np.abs(samples) > _SILENCE
    texts: list[str] = []
    place = 0
    while place < len(samples):
        rest = loud[place:]
        if not rest.any():
            break
        place += int(np.argmax(rest))
        quiet = ~loud[place:]
        end = place + (int(np.argmax(quiet)) if quiet.any() else len(quiet))
        blocks = np.abs(samples[place : place + (end - place) // BLOCK * BLOCK]).reshape(-1, BLOCK).mean(axis=1)
        found = np.clip(np.rint((blocks - _LEAST) / _STEP), 0, 255).astype(np.uint8).tobytes()
        texts.append(found.decode(errors="replace"))
        place = max(end, place + 1)
    return " ".join(text for text in texts if text)
