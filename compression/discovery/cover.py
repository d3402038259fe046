"""Dictionary text for the model codec: what many users' answers have in common, without what only few saw."""

import heapq
import re
from array import array
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Final

from compression.discovery.grams import GramTable, user_bit
from compression.discovery.personal import Personal, conservative
from compression.discovery.tokens import tokens

#: A piece of text counts as common when each run of so many tokens in it was seen with k distinct users.
WINDOW: Final = 8
#: N-grams of tokens that the text has to cover, and characters that a piece has at least.
GRAM: Final = 3
LEAST: Final = 8
#: Runs of tokens remembered, in each half of the table, and different pieces looked at.
WINDOWS: Final = 200_000
PIECES: Final = 20_000
#: How often a text is halved before it is left out.
HALVES: Final = 6
#: Ends each piece, as it ends each text that a model was primed with.
END: Final = "\0"
_SIGNS = re.compile(r"\w")


def cover(
    answers: Sequence[tuple[str, str]],
    size: int,
    *,
    k: int = 5,
    personal: Personal = conservative,
    generic: str = "",
) -> str:
    """Return at most `size` characters of dictionary text, `generic` first and what was learned last.

    `answers` are pairs of a user's pseudonym and a text. Pieces are taken by greedy cover: whichever brings the most
    n-grams of tokens that are not covered yet, each weighed by how often it was seen, for its length. What is learned
    best comes last, next to the text that will be coded; each piece ends with END. Memory is bounded by WINDOWS and PIECES.
    """
    room = size - len(generic)
    chosen = _greedy(_common(answers, k, personal), room) if room > 0 else []
    return generic[:size] + "".join(piece + END for piece in reversed(chosen))


def worthwhile(learned: str, cost: Callable[[str], float]) -> str:
    """Return how much of the text that `cover` learned is worth its download: all, a half, a quarter ... or nothing of it.

    `cost` gives what all would cost with such a text: the messages to come, and the download. Pieces stay whole.
    """
    ends = [learned]
    for _ in range(HALVES):
        shorter = ends[-1][len(ends[-1]) // 2 :]
        ends.append(shorter[shorter.find(END) + 1 :] if shorter.count(END) > 1 else "")
    return min(dict.fromkeys([*ends, ""]), key=cost)


def _common(answers: Sequence[tuple[str, str]], k: int, personal: Personal) -> dict[str, int]:
    """Return pieces of answers that are safe to show to everybody, and how often each was seen."""
    table = GramTable(WINDOW, WINDOWS)
    for user, text in answers:
        table.count(table.grams(tokens(text)), user_bit(user))
    pieces: dict[str, int] = {}
    for _, text in answers:
        for run in _runs(tokens(text), table, k):
            for piece in _safe(run, personal):
                if piece in pieces or len(pieces) < PIECES:
                    pieces[piece] = pieces.get(piece, 0) + 1
    return pieces


def _runs(found: Sequence[str], table: GramTable, k: int) -> Iterable[str]:
    """Yield the longest runs of tokens of which every window was seen with at least `k` users."""
    windows = table.windows(found)
    begin, end = 0, 0
    for start, window in enumerate(windows):
        if table.users(window) < k:
            continue
        if start > end or end == 0:
            if end:
                yield "".join(found[begin:end])
            begin = start
        end = min(start + WINDOW, len(found))
    if end:
        yield "".join(found[begin:end])


def _safe(piece: str, personal: Personal) -> list[str]:
    """Return what of a piece is left around personal data."""
    spans = sorted(personal(piece))
    edges = [0, *(place for span in spans for place in span), len(piece)]
    left = [piece[start:end] for start, end in list(pairwise(edges))[::2]]
    return [one for one in left if len(one) >= LEAST and END not in one and _SIGNS.search(one)]


def _greedy(pieces: dict[str, int], room: int) -> list[str]:
    """Return the pieces that cover the most, best first; lazy, as gains only shrink."""
    hashes = GramTable(GRAM, 1)
    weight: dict[int, int] = {}
    grams: dict[str, array[int]] = {}
    for piece, times in pieces.items():
        found = grams[piece] = array("q", hashes.grams(tokens(piece)))
        for gram in found:
            weight[gram] = weight.get(gram, 0) + times

    def gain(piece: str) -> float:
        return sum(map(weight.__getitem__, grams[piece])) / (len(piece) + LEAST)

    heap = [(-gain(piece), piece) for piece in pieces]
    heapq.heapify(heap)
    chosen = []
    while heap and room > LEAST:
        _, piece = heapq.heappop(heap)
        worth = gain(piece)
        if worth <= 0 or len(piece) + len(END) > room:
            continue
        if heap and worth < -heap[0][0]:
            heapq.heappush(heap, (-worth, piece))
            continue
        chosen.append(piece)
        room -= len(piece) + len(END)
        for gram in grams[piece]:
            weight[gram] = 0
    return chosen
