"""Texts that wait for their like, and which of them share so many n-grams that an attempt at a template is worth while.

Most texts never find their like. So a batch arrives at once, and a bound that numpy computes for all of it tells of which
too few others have the n-grams; at these nothing more is looked at. The index is one sorted array: 8 bytes for an n-gram of
a text.
"""

from collections.abc import Sequence
from itertools import chain, compress
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from compression.discovery.clusters import Unit
from compression.discovery.grams import ALIKE, BITS, POSTINGS, RARE, ROWS, user_place
from compression.discovery.held import Held

_ROW_BITS: Final = np.uint64(64 - BITS)
_ROW: Final = np.uint64(ROWS - 1)
_FACTORS: Final = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))

#: Texts whose hopes are looked at in one go, and of those that have some whose like are: each makes some hundred pairs.
_AT_ONCE: Final = 2_048
_TOGETHER: Final = 256

Words = npt.NDArray[np.uint64]
Places = npt.NDArray[np.intp]


class _Index(NamedTuple):
    """Where the keys of each n-gram start and end, one n-gram after the other, and the row of each key."""

    starts: Places
    ends: Places
    rows: npt.NDArray[np.int32]


class Waiting(Held):
    """Texts that wait, each under a number, found by the n-grams of their sketches.

    Of one user's texts at most OWN are named by an n-gram, the newest.
    """

    def __init__(self) -> None:
        super().__init__()
        # A row for each text; what waits no longer loses it when the next ones come.
        self._numbers: list[int] = []
        self._places: Words = np.zeros(0, np.uint64)
        self._lengths: Places = np.zeros(0, np.intp)
        # N-gram and row in one number, rising.
        self._keys: Words = np.zeros(0, np.uint64)
        # Of those that came last, and have hopes, the rows of those like them.
        self._hopes: dict[int, list[int]] = {}

    @property
    def entries(self) -> int:
        """How many entries the index has."""
        return len(self._keys)

    def sketches(self) -> dict[int, list[int]]:
        """Return the n-grams that each text is found by."""
        found: dict[int, list[int]] = {number: [] for number in self._units}
        for gram, row in zip((self._keys >> _ROW_BITS).tolist(), (self._keys & _ROW).tolist(), strict=True):
            if self._numbers[row] in found:
                found[self._numbers[row]].append(gram)
        return found

    def add(self, texts: Sequence[tuple[int, Unit, Sequence[int]]], needed: int) -> list[Unit]:
        """Let texts wait, given with their numbers and sketches; return those that others of the same user drive out.

        These may be older or among the new ones. Of the new ones those have hopes that are like `needed` others. No more
        than ROWS texts can wait.
        """
        self._compact()
        first = len(self._numbers)
        for number, unit, _ in texts:
            self.hold(number, unit)
        self._numbers += [number for number, _, _ in texts]
        lengths = np.fromiter((len(sketch) for _, _, sketch in texts), np.intp, len(texts))
        places = np.fromiter((user_place(unit.user, number) for number, unit, _ in texts), np.uint64, len(texts))
        self._places = np.concatenate([self._places, places])
        self._lengths = np.concatenate([self._lengths, lengths])
        # Two rising runs: a stable sort merges them.
        self._keys = np.concatenate([self._keys, _keys([sketch for _, _, sketch in texts], first, lengths)])
        self._keys.sort(kind="stable")
        passed = self._displace(first)
        index = self._index()
        for row in range(first, len(self._numbers), _AT_ONCE):
            self._hope(index, row, min(row + _AT_ONCE, len(self._numbers)), needed)
        return passed

    def hopeful(self, number: int) -> bool:
        """Return whether a text that came last may have its like among the others."""
        return number in self._hopes

    def like(self, number: int) -> list[int]:
        """Return the numbers of the texts that share ALIKE of the sketch of a hopeful one, the most similar first.

        N-grams that very many have say nothing: they are left out, unless there are hardly any others.
        """
        found = (self._numbers[row] for row in self._hopes[number])
        return [other for other in found if other in self._units]

    def _compact(self) -> None:
        """Forget the rows of what waits no longer."""
        self._hopes = {}
        alive = np.fromiter(map(self._units.__contains__, self._numbers), np.bool_, len(self._numbers))
        if alive.all():
            return
        rows = (self._keys & _ROW).astype(np.intp)
        places = (np.cumsum(alive) - 1).astype(np.uint64)
        left = alive[rows]
        self._keys = (self._keys[left] & ~_ROW) | places[rows[left]]
        self._numbers = list(compress(self._numbers, alive.tolist()))
        self._places, self._lengths = self._places[alive], self._lengths[alive]

    def _displace(self, first: int) -> list[Unit]:
        """Let n-grams name only the newest text of a place; return those that lose much of their sketches to another."""
        _, owners, counts = np.unique(self._places, return_inverse=True, return_counts=True)
        fresh = np.zeros(len(counts), np.bool_)
        fresh[owners[first:]] = True
        rows = (self._keys & _ROW).astype(np.int32)
        at = np.flatnonzero((fresh & (counts > 1))[owners[rows]])
        mixed = (self._keys[at] >> _ROW_BITS) * _FACTORS[0] + owners[rows[at]].astype(np.uint64) * _FACTORS[1]
        # Those of one n-gram and place stand together then, the older ones first.
        mixed ^= mixed >> np.uint64(32)
        codes = ((mixed * _FACTORS[0]) & ~_ROW) | rows[at].astype(np.uint64)
        order = np.argsort(codes)
        same = np.flatnonzero(np.diff(codes[order] >> _ROW_BITS) == 0)
        if not len(same):
            return []
        older, newer = rows[at[order[same]]], rows[at[order[same + 1]]]
        self._keys = np.delete(self._keys, at[order[same]])
        pairs, shared = np.unique(older.astype(np.int64) * ROWS + newer, return_counts=True)
        lost = pairs[shared >= ALIKE * self._lengths[pairs % ROWS]] // ROWS
        return [self.pop(self._numbers[row]) for row in np.unique(lost).tolist()]

    def _index(self) -> _Index:
        """Return which rows have each n-gram."""
        grams = self._keys >> _ROW_BITS
        edges = np.concatenate([[0], np.flatnonzero(np.diff(grams)) + 1, [len(grams)]])
        return _Index(edges[:-1], edges[1:], (self._keys & _ROW).astype(np.int32))

    def _hope(self, index: _Index, first: int, last: int, needed: int) -> None:
        """Find out which of the rows from `first` to before `last` are like `needed` others, and which these are.

        Each of these shares `least` of the text's `size` n-grams. So if an n-gram counts for as many as have it, `needed` at
        most, all of them together count for `needed * least` (Gale and Ryser, 1957), and the size - least + 1 n-grams that
        the fewest have for `needed`: nobody shares enough without one of these. Only where that holds others are counted.
        """
        starts, ends, rows = index
        at = np.flatnonzero((rows >= first) & (rows < last))
        runs = np.searchsorted(starts, at, "right") - 1
        many = (ends - starts)[runs]
        # The rows one after the other, in each the n-grams that the fewest have first.
        order = np.lexsort((many, rows[at]))
        runs, many = runs[order], many[order]
        bounds = np.searchsorted(rows[at][order], np.arange(first, last + 1))
        begin, end = bounds[:-1], bounds[1:]
        rare = np.append(0, np.cumsum(many < POSTINGS))
        lengths = self._lengths[first:last]
        left = rare[end] - rare[begin]
        size = lengths - (end - begin) + left
        crowded = size < np.minimum(RARE, lengths)
        size, end = np.where(crowded, lengths, size), np.where(crowded, end, begin + left)
        least = np.maximum(1, np.ceil(ALIKE * size)).astype(np.intp)
        others = np.append(0, np.cumsum(np.minimum(many - 1, needed)))
        few = np.maximum(begin, end - least + 1)
        enough = (others[end] - others[begin] >= needed * least) & (others[few] - others[begin] >= needed)
        named = np.flatnonzero(enough)
        for start in range(0, len(named), _TOGETHER):
            some = named[start : start + _TOGETHER]
            asked, at = _spans(begin[some], end[some])
            # Of those that very many have the newest ones.
            until = ends[runs[at]]
            which, place = _spans(np.maximum(starts[runs[at]], until - POSTINGS), until)
            pairs, shared = np.unique(asked[which] * ROWS + rows[place], return_counts=True)
            asked, others = pairs // ROWS, pairs % ROWS
            alike = (shared >= least[some][asked]) & (others != first + some[asked])
            asked, others, shared = asked[alike], others[alike], shared[alike]
            order = np.lexsort((-shared, asked))
            bounds = np.searchsorted(asked, np.arange(len(some) + 1))
            for row, since, till in zip(
                (first + some).tolist(), bounds[:-1].tolist(), bounds[1:].tolist(), strict=True
            ):
                if till - since >= needed:
                    self._hopes[self._numbers[row]] = others[order[since:till]].tolist()


def _keys(sketches: Sequence[Sequence[int]], first: int, lengths: Places) -> Words:
    """Return the keys of sketches of these lengths, rising; their rows begin with `first`."""
    keys = np.fromiter(chain.from_iterable(sketches), np.uint64, int(lengths.sum()))
    keys <<= _ROW_BITS
    keys |= np.repeat(np.arange(first, first + len(sketches), dtype=np.uint64), lengths)
    keys.sort()
    return keys


def _spans(starts: Places, ends: Places) -> tuple[Places, Places]:
    """Return all that lies in spans, one after the other: in the how manyth, and where."""
    sizes = ends - starts
    owners = np.repeat(np.arange(len(sizes)), sizes)
    return owners, np.arange(len(owners)) + (starts - (np.cumsum(sizes) - sizes))[owners]
