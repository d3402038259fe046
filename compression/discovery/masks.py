"""Personal data in samples: what is kept of it is its form, and what is mined is something invented of that form.

`+49 30 9018 2045` is kept as `⟦+## ## #### ####⟧`. If that were mined it would be fixed text, for it is the same in the
answers to everybody; then templates would make what is kept and nothing that is said. Invented anew for each sample it is
what it was: something else each time, in the place of a slot, as long as it really is.
"""

import random
import re
import string
from collections.abc import Iterable
from typing import Final

#: Characters of what is invented in short: enough for two samples to differ.
SHORT: Final = 4

_OPEN, _CLOSE, _DIGIT, _LETTER = "⟦⟧#·"
_DRAWN: Final = {_DIGIT: string.digits, _LETTER: string.ascii_lowercase}
_MARK: Final = re.compile(r"⟦([^\w⟦⟧]{1,16384})⟧")


def masked(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """Return the text with the form alone of what stands in the spans, which may overlap: a `#` for each digit, a `·` for
    each letter."""
    pieces: list[str] = []
    at = 0
    for start, end in _joined(spans):
        pieces += [text[at:start], _OPEN, "".join(map(_sign, text[start:end])), _CLOSE]
        at = end
    return "".join([*pieces, text[at:]])


def invented(text: str, seed: int, *, short: bool = False) -> str:
    """Return a text that was masked with random digits and letters in the place of those that were taken out; the same for
    the same seed. Where it is to be `short`, SHORT of them and no signs between. Linear in the text."""
    if _OPEN not in text:
        return text
    chance = random.Random(seed)

    def fill(mark: re.Match[str]) -> str:
        form = [sign for sign in mark[1] if sign in _DRAWN][:SHORT] if short else mark[1]
        return "".join(chance.choice(_DRAWN[sign]) if sign in _DRAWN else sign for sign in form)

    return _MARK.sub(fill, text)


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the spans in order, those that overlap as one."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start < joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        elif start < end:
            joined.append((start, end))
    return joined


def _sign(character: str) -> str:
    if character.isdigit():
        return _DIGIT
    # What would be taken for a part of the mark is none.
    return _LETTER if character.isalnum() or character in "_⟦⟧#" or not character.isascii() else character
