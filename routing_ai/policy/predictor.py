"""Drafting ahead: the words that a model is likely to say next, from what it said before in the same scope.

Contexts of the last words (longest first) point to the word that followed. A draft is only shown where drafts of that kind
have come true: the predictor tries itself on every answer before it learns from it, and keeps the share of hits by the
length of the context, how often the pair was seen and how sure it was. Pure; bounded in memory.
"""

import math
import re
from collections import OrderedDict
from typing import TypeAlias

# A word with the white space before it, or a mark: joined pieces are the text.
_PIECE = re.compile(r"\s*(?:\w+|[^\w\s])|\s+\Z")
# Words of context, the longest first. Shorter ones guess: their share of hits never passes the gate on real answers.
ORDERS = (8, 5, 3)
CONTEXTS = 40_000
WORDS_LIMIT = 24
# Tries that a kind of draft needs before it may be shown, and how probable each word of a draft must be, with all before it,
# by the lower ends of 95 % intervals (Wilson, 1927). Most are far above it: some 97 % of what is shown comes true.
TRIES = 30
GATE = 0.9


# Rank of the context's length, how often its word came in a row and of all times, how sure the shortest context is.
Kind: TypeAlias = tuple[int, int, int, int]


class NextTokenPredictor:
    """Learns from whole answers (`learn`) and drafts (`draft`); both cost microseconds a word."""

    def __init__(self, contexts: int = CONTEXTS, gate: float = GATE) -> None:
        self._limit = contexts
        self._gate = gate
        # Context -> (what follows it, how often in a row it did, how often something did).
        self._next: OrderedDict[int, tuple[str, int, int]] = OrderedDict()
        # Kind of draft -> (tries, hits).
        self._kinds: dict[Kind, tuple[int, int]] = {}

    def __len__(self) -> int:
        return len(self._next)

    def learn(self, text: str) -> None:
        """Try the predictor on a whole answer, then learn from it."""
        words = pieces(text)
        for place in range(min(ORDERS), len(words)):
            found = self._look(words, place)
            if found is not None:
                word, kind = found
                tries, hits = self._kinds.get(kind, (0, 0))
                if tries >= 5_000:
                    # What happened long ago fades.
                    tries, hits = tries // 2, hits // 2
                self._kinds[kind] = (tries + 1, hits + (word == words[place]))
        for place in range(min(ORDERS), len(words)):
            self._add(words, place)

    def draft(self, text: str, limit: int = WORDS_LIMIT) -> str:
        """Return what probably follows the text, at most `limit` words; empty where nothing is sure enough.

        The text should end where a word does: a half word has no context.
        """
        words = pieces(text[-600:])
        known, sure = len(words), 1.0
        while len(words) - known < limit:
            found = self._look(words, len(words))
            if found is None:
                break
            # A word comes true only if all before it do.
            sure *= self._share(found[1])
            if sure < self._gate:
                break
            words.append(found[0])
        return "".join(words[known:])

    def _look(self, words: list[str], place: int) -> tuple[str, Kind] | None:
        """Return what follows the words before `place`, and of which kind that is; None when no context is known.

        The longest known context says the word; how sure the shortest is of the same word tells set phrases from chance.
        """
        for rank, order in enumerate(ORDERS):
            if place < order:
                continue
            found = self._next.get(_context(words, place, order))
            if found is None:
                continue
            word, row, seen = found
            short, short_row, short_seen = self._next.get(_context(words, place, ORDERS[-1]), ("", 0, 1))
            agreed = 1 + min(8, short_row * 8 // short_seen) if short == word else 0
            return word, (rank, row.bit_length(), row * 8 // seen, agreed)
        return None

    def _add(self, words: list[str], place: int) -> None:
        for order in ORDERS:
            if place < order:
                continue
            context = _context(words, place, order)
            word, row, seen = self._next.get(context, ("", 0, 0))
            row = row + 1 if word == words[place] else 1
            self._next[context] = (words[place], row, min(seen + 1, 1_000))
            self._next.move_to_end(context)
        while len(self._next) > self._limit:
            self._next.popitem(last=False)

    def _share(self, kind: Kind) -> float:
        """Return the share of drafts of a kind that come true, at least; 0 for one that was not tried enough."""
        tries, hits = self._kinds.get(kind, (0, 0))
        return lower_bound(hits, tries) if tries >= TRIES else 0.0


def pieces(text: str) -> list[str]:
    """Return the words of a text with the white space before each; joined they are the text."""
    return _PIECE.findall(text)


def lower_bound(hits: int, tries: int, z: float = 1.96) -> float:
    """Return the lower end of the interval that a share lies in (Wilson's score interval)."""
    share = hits / tries
    spread = z * math.sqrt(share * (1 - share) / tries + z * z / (4 * tries * tries))
    return (share + z * z / (2 * tries) - spread) / (1 + z * z / tries)


def _context(words: list[str], place: int, order: int) -> int:
    return hash((order, *words[place - order : place]))
