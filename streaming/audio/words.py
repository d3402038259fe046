"""Words that an engine has heard: which of them are certain, and which it only repeats.

Partial transcripts are shown as far as two hypotheses in a row agree (LocalAgreement-2: Liu, Spanakis, Niehues 2020).
"""

import re
from collections.abc import Sequence
from typing import Final

_PLAIN: Final = re.compile(r"[^\w']+")
#: Words of a run that does not come twice within a few seconds of honest speech.
GRAM: Final = 4
#: An utterance that ends so has ended: a short silence behind it will do.
_WHOLE: Final = (".", "?", "!", "؟", "。")
#: What Whisper says of silence and noise (it was trained on subtitles), in the form of `plain`.
_PHANTOMS: Final = frozenset(
    {"", "you", "thank you", "thanks for watching", "thank you for watching", "bye", "so", "the", "i'm sorry"}
)
_BRACKETED: Final = re.compile(r"\[[^\]]*\]|\([^)]*\)|\*[^*]*\*|♪[^♪]*♪?")


def plain(text: str) -> str:
    """Return the words of a text alone, in lower case."""
    return _PLAIN.sub(" ", text.lower()).strip()


def spoken_words(text: str) -> str:
    """Return a transcript without what an engine notes about sounds: [MUSIC], (applause)."""
    return " ".join(_BRACKETED.sub(" ", text).split())


def is_phantom(text: str, voiced: int) -> bool:
    """Return whether a transcript is what engines say when there was nothing: no word, or a stock phrase for at most
    `voiced` = 400 ms of speech."""
    words = plain(spoken_words(text))
    return not words or (voiced < 400 and words in _PHANTOMS)


def is_whole(text: str) -> bool:
    """Return whether a transcript ends as a sentence does."""
    return text.rstrip().endswith(_WHOLE) and not text.rstrip().endswith("...")


def agreed(before: Sequence[str], now: Sequence[str]) -> int:
    """Return how many words both hypotheses begin with."""
    count = 0
    for one, other in zip(before, now, strict=False):
        if plain(one) != plain(other):
            break
        count += 1
    return count


def repeats(words: Sequence[str], gram: int = GRAM) -> int | None:
    """Return where an engine has begun to repeat itself: the place of the first run of `gram` words that came before, None
    when there is none."""
    seen: set[tuple[str, ...]] = set()
    simple = [plain(word) for word in words]
    for place in range(len(simple) - gram + 1):
        run = tuple(simple[place : place + gram])
        if run in seen:
            return place
        seen.add(run)
    return None


class Agreement:
    """Partial transcripts of one utterance."""

    def __init__(self) -> None:
        self._before: list[str] = []
        self._settled = 0

    def push(self, text: str) -> tuple[str, str]:
        """Return the words that are certain now, and those that may still change. What was certain stays so."""
        words = text.split()
        self._settled = (
            max(self._settled, agreed(self._before, words)) if len(words) >= self._settled else self._settled
        )
        certain = self._before[: self._settled] if len(words) < self._settled else words[: self._settled]
        self._before = certain + words[self._settled :]
        return " ".join(certain), " ".join(words[self._settled :])
