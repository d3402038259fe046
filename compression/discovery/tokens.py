"""Texts as tokens and as sentences; joined again, both give the text back."""

import re
from itertools import pairwise

# A word or a run of signs, each with the white space before it.
_WORD = re.compile(r"\s*(\w+|[^\w\s]+)")
# Most have one space: to try that first is a tenth faster.
_TOKEN = re.compile(r" \w+|\s*(?:\w+|[^\w\s]+)|\s+")
# The rules by which streams are cut into sentences: white space opens the next one (see streaming.flow.segment).
# Each begins with one of few signs: so the search passes over all others quickly.
_CUT = re.compile(r"[.!?…؟。！？][\"'”’»)\]*_`]{0,4}(?=\s)|\n(?<=\S\n)")
_LIST_NUMBER = re.compile(r"(?:^|\n)\s*\d{1,3}\.\Z")
_CONTEXT = 16


def tokens(text: str) -> list[str]:
    """Return the tokens of `text`. Linear in it."""
    return _TOKEN.findall(text)


def words(text: str) -> list[str]:
    """Return the tokens of `text` without white space: on which side of a slot that stands says nothing."""
    return _WORD.findall(text)


def cuts(text: str) -> list[int]:
    """Return where sentences begin in `text`, 0 left out."""
    found = [0]
    for match in _CUT.finditer(text):
        line = text[match.start()] == "\n"
        cut = match.start() if line else match.end()
        # Behind the number of a list no sentence ends.
        number = not line and text[cut - 1] == "." and text[cut] != "\n" and text[cut - 2 : cut - 1].isdecimal()
        if cut > found[-1] and not (number and _LIST_NUMBER.search(text[max(0, cut - _CONTEXT) : cut])):
            found.append(cut)
    return found[1:]


def sentences(text: str) -> list[str]:
    """Return the sentences of `text`, as streams send them."""
    places = [0, *cuts(text), len(text)]
    return [text[start:end] for start, end in pairwise(places) if start < end]


def units(text: str) -> list[str]:
    """Return the texts that clients get of an answer, each once: the whole, and its sentences."""
    return list(dict.fromkeys((text, *sentences(text))))


def sentences_of(parts: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Return the sentences of a template, each again the parts of a template.

    Only a boundary of which both sides are fixed text counts, for it is there whatever the slots hold.
    """
    found: list[tuple[str, ...]] = []
    current: list[str] = []
    for part in parts:
        *whole, rest = sentences(part) or [""]
        for piece in whole:
            found.append((*current, piece))
            current = []
        current.append(rest)
    found.append(tuple(current))
    return [sentence for sentence in found if sentence != ("",)]
