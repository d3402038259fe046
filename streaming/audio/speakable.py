"""What is read aloud of an answer that is still being written: its sentences, without their markup."""

import re
from typing import Final

from streaming.flow.segment import CONTEXT, is_boundary

#: The first words are spoken as soon as a clause of so many characters is there, or so many and then a word that begins
#: another phrase; behind them whole sentences follow.
FIRST_CLAUSE: Final = 12
FIRST_PHRASE: Final = 18
#: A longer sentence is cut at a clause, or else between two words.
LONGEST: Final = 240
_CLAUSE: Final = re.compile(r"[,;:،؛](?=\s)|\s[–—-]\s")
# In front of these a speaker may draw breath. Languages without such a list are spoken by clauses.
_PHRASE: Final = re.compile(
    r"\s(?=(?:after|and|at|because|before|but|by|during|for|from|if|in|into|on|or|since|that|through|until|when|where|which"
    r"|while|who|with|without)\s)"
)
_CANDIDATE: Final = re.compile(r"(?<=\S)(?=\s)")
_FENCE: Final = re.compile(r"^\s*(```|~~~)")
_MARKUP: Final = (
    (re.compile(r"!?\[([^\]]*)\]\([^)]*\)"), r"\1"),
    (re.compile(r"https?://(?:www\.)?([^\s/]+)\S*"), r"\1"),
    (re.compile(r"^\s{0,3}#{1,6}\s+", re.MULTILINE), ""),
    (re.compile(r"^\s*(?:[-*+]|>)\s+", re.MULTILINE), ""),
    (re.compile(r"^\s*\|?[\s:|-]*-{3}[\s:|-]*$", re.MULTILINE), ""),
    (re.compile(r"(\*\*|__|~~|`)"), ""),
    (re.compile(r"(?<!\w)[*_](?=\S)|(?<=\S)[*_](?!\w)"), ""),
    (re.compile(r"\s*\|\s*"), ", "),
    (re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\ufe0f]"), ""),
)
_SPEAKABLE: Final = re.compile(r"\w")


def without_markup(text: str) -> str:
    """Return Markdown as words; empty when there is nothing to say."""
    for pattern, instead in _MARKUP:
        text = pattern.sub(instead, text)
    text = " ".join(text.split()).lstrip(", ")
    return text if _SPEAKABLE.search(text) else ""


class Speakable:
    """Cuts a text that arrives in pieces of any size into what is spoken one after the other. Code blocks are left out."""

    def __init__(self) -> None:
        self._pending = ""
        self._first = True
        self._code = False

    def feed(self, text: str) -> list[str]:
        """Add what has come, and return what can be spoken now."""
        self._pending += text
        out: list[str] = []
        while (cut := self._cut()) is not None:
            out += self._take(cut)
        return out

    def finish(self) -> list[str]:
        """Return what is left."""
        out: list[str] = []
        while self._pending:
            cut = self._cut()
            out += self._take(len(self._pending) if cut is None else cut)
        return out

    def _cut(self) -> int | None:
        """Return where the next piece ends, None when it has not come yet."""
        text = self._pending
        line = text.find("\n")
        if self._code or _FENCE.match(text.lstrip("\n") if line == 0 else text):
            return line + 1 if line >= 0 else None
        for match in _CANDIDATE.finditer(text):
            place = match.start()
            if is_boundary(text[max(0, place - CONTEXT) : place], text[place]):
                return place
            if place > LONGEST:
                break
        if self._first:
            ends = [m.end() for m in _CLAUSE.finditer(text, FIRST_CLAUSE - 1) if m.end() < len(text)]
            return min((*ends, *(m.start() for m in _PHRASE.finditer(text, FIRST_PHRASE))), default=None)
        if len(text) > LONGEST:
            clauses = [m.end() for m in _CLAUSE.finditer(text, 0, LONGEST)]
            space = text.rfind(" ", 1, LONGEST)
            return clauses[-1] if clauses else space if space > 0 else LONGEST
        return None

    def _take(self, cut: int) -> list[str]:
        piece, self._pending = self._pending[:cut], self._pending[cut:]
        if _FENCE.match(piece):
            self._code = not self._code
            return []
        words = "" if self._code else without_markup(piece)
        self._first = self._first and not words
        return [words] if words else []
