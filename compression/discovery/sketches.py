"""Sketches of texts: few n-grams by which texts of one template find each other, whatever stands in its slots.

A text's sketch is the smallest of its n-grams of tokens that at least two users had (MinHash; Broder, 1997). N-grams of a
single user are what stands in slots, so they are left out. All is computed for many texts at once, in numpy: a text
costs a few microseconds.
"""

import base64
import zlib
from collections.abc import Iterator, Sequence
from itertools import chain, pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from compression.discovery.grams import BITS, CACHED, WIDE, Numbers
from compression.discovery.tokens import tokens

#: Texts looked at in one go: so many fit into the bits that tell them apart.
_AT_ONCE: Final = 1_000
_BITS: Final = np.uint64(BITS)
_GRAM: Final = np.uint64((1 << BITS) - 1)
#: The low bits of an n-gram's hash make room for the user's.
_USERS: Final = 63
_FACTORS: Final = np.array((0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9), np.uint64)

Words = npt.NDArray[np.uint64]
Entries = npt.NDArray[np.uint32]


class Sketches:
    """Sketches by n-grams of `size` tokens (at most 3), of which about `limit` are remembered.

    Two tables of fixed size: who had an n-gram last, and which n-grams several users had. An entry is overwritten when
    another n-gram falls on it, so what is not seen again is forgotten; that makes sketches worse, nothing else: no
    promise of privacy rests on them.
    """

    def __init__(self, size: int, limit: int) -> None:
        self._size = size
        bits = max(8, (2 * limit - 1).bit_length())
        self._shift = np.uint64(64 - bits)
        # The place tells an n-gram's high bits, an entry 26 low ones and the user: with 18 bits for the place that is BITS.
        self._last: Entries = np.zeros(1 << bits, np.uint32)
        self._shared: Entries = np.zeros(1 << bits, np.uint32)
        self._numbers = Numbers()

    @property
    def entries(self) -> int:
        """How many entries the tables have, used or not."""
        return 2 * len(self._last)

    def take(self, texts: Sequence[str], users: Sequence[int] = (), *, most: int = WIDE) -> list[tuple[int, ...]]:
        """Return the sketches of texts, each of `most` n-grams at most, of BITS bits, rising.

        First count them in, when the `users` (0 to 63) are given.
        """
        parts = [(texts[at : at + _AT_ONCE], users[at : at + _AT_ONCE]) for at in range(0, len(texts), _AT_ONCE)]
        hashed = [(len(some), *self._grams(some), numbers) for some, numbers in parts]
        if users:
            for _, grams, owners, numbers in hashed:
                self._count(grams, np.array(numbers, np.uint32)[owners])
        return [sketch for count, grams, owners, _ in hashed for sketch in self._smallest(count, grams, owners, most)]

    def _grams(self, texts: Sequence[str]) -> tuple[Words, npt.NDArray[np.intp]]:
        """Return the n-gram that begins at each token of all texts, and the place of its text."""
        if len(self._numbers) > CACHED:
            self._numbers.clear()
        # Nothing follows the last token of a text, and that counts as a token.
        nothing = [""] * (self._size - 1)
        wide: list[int] = []

        def cut() -> Iterator[list[str]]:
            # The tokens of one text at a time: those of all take ten times as much as the texts.
            for text in texts:
                found = tokens(text) + nothing
                wide.append(len(found))
                yield found

        words = np.fromiter(map(self._numbers.__getitem__, chain.from_iterable(cut())), np.uint64)
        grams = words * _FACTORS[0]
        for place in range(1, self._size):
            grams[:-place] += words[place:] * _FACTORS[place]
        grams ^= grams >> np.uint64(32)
        grams *= _FACTORS[1]
        grams ^= grams >> np.uint64(29)
        owners = np.repeat(np.arange(len(texts)), wide)
        real = words != self._numbers[""]
        return grams[real] | np.uint64(_USERS), owners[real]

    def _count(self, grams: Words, users: Entries) -> None:
        places, low = grams >> self._shift, grams.astype(np.uint32)
        mine = low ^ (np.uint32(_USERS) ^ users)
        # What stood there, then what stands there now: the last user of several in these texts.
        for number in range(2):
            seen = self._last[places]
            again = ((seen ^ mine) <= _USERS) & (seen != mine)
            self._shared[places[again]] = low[again]
            if number == 0:
                self._last[places] = mine

    def _smallest(self, count: int, grams: Words, owners: npt.NDArray[np.intp], most: int) -> list[tuple[int, ...]]:
        shared = self._shared[grams >> self._shift] == grams.astype(np.uint32)
        enough = 4 * np.bincount(owners[shared], minlength=count) >= np.bincount(owners, minlength=count)
        kept = shared | ~enough[owners]
        keys = np.sort(owners[kept].astype(np.uint64) << _BITS | grams[kept] >> (np.uint64(64) - _BITS))
        keys = keys[np.flatnonzero(np.diff(keys, prepend=~keys[:1]))]
        starts = np.searchsorted(keys, np.arange(count + 1, dtype=np.uint64) << _BITS)
        # Most of a long text's n-grams are in no sketch: no numbers of Python's are made of them.
        sizes = np.diff(starts)
        first = np.arange(len(keys)) - np.repeat(starts[:-1], sizes) < most
        values = (keys[first] & _GRAM).tolist()
        ends = np.cumsum(np.minimum(sizes, most)).tolist()
        return [tuple(values[at:end]) for at, end in pairwise([0, *ends])]

    def state(self) -> list[str]:
        """Return what the tables hold, for `restore`."""
        return [base64.b85encode(zlib.compress(table.tobytes(), 1)).decode() for table in (self._last, self._shared)]

    def restore(self, state: Sequence[str]) -> None:
        """Take the place of what had this state. Raises ValueError when that had tables of another size."""
        size = self._last.nbytes
        tables = [zlib.decompress(base64.b85decode(table)) for table in state]
        if [len(table) for table in tables] != [size, size]:
            raise ValueError("The state comes from a miner with other limits.")
        self._last, self._shared = (np.frombuffer(table, np.uint32).copy() for table in tables)
