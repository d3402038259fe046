"""N-grams of tokens, and how many distinct users each was seen with."""

import zlib
from collections.abc import Iterable, Sequence
from typing import Final

#: Tokens whose numbers are kept.
CACHED: Final = 16_384
#: N-grams of a sketch, at most.
WIDE: Final = 64
#: Bits of an n-gram in a sketch.
BITS: Final = 44
#: Texts that can wait at a time: the number of one shares 64 bits with an n-gram.
ROWS: Final = 1 << (64 - BITS)
#: The share of a sketch that has to agree before texts are aligned.
ALIKE: Final = 0.5
#: An n-gram that so many texts or clusters have says nothing.
POSTINGS: Final = 48
#: N-grams by which similar texts are found at least, even if very many have them.
RARE: Final = 4
#: Texts of one user kept for one n-gram: more would drive out those of others, and make work without a chance.
OWN: Final = 2


class GramTable:
    """For each n-gram of `size` tokens a bitmap of 64 bits; a user sets one of them.

    So the number of bits is never more than that of distinct users. The table holds at most twice `limit` grams: when one
    half is full it becomes the older one, and the older one before it is forgotten.
    """

    def __init__(self, size: int, limit: int) -> None:
        self.size = size
        self._limit = limit
        self._new: dict[int, int] = {}
        self._old: dict[int, int] = {}
        self._numbers = Numbers()

    def __len__(self) -> int:
        return len(self._new) + len(self._old)

    def grams(self, tokens: Sequence[str]) -> set[int]:
        """Return the n-grams of a text as numbers of 64 bits, equal in every process."""
        return set(self.windows(tokens))

    def windows(self, tokens: Sequence[str]) -> list[int]:
        """Return the n-gram that begins at each token, as far as there are enough; a shorter text is one n-gram."""
        if len(self._numbers) > CACHED:
            self._numbers.clear()
        numbers = list(map(self._numbers.__getitem__, tokens))
        if len(numbers) < self.size:
            return [hash(tuple(numbers))] if numbers else []
        # Hashes of texts differ from process to process, those of tuples of numbers do not.
        return list(map(hash, zip(*(numbers[start:] for start in range(self.size)), strict=False)))

    def users(self, gram: int) -> int:
        """Return how many distinct users had this gram at least, 64 at most."""
        return (self._new.get(gram) or self._old.get(gram, 0)).bit_count()

    def count(self, grams: Iterable[int], bit: int) -> None:
        """Count a user's bit in for each of these grams."""
        new, old = self._new, self._old
        for gram in grams:
            new[gram] = bit | (new.get(gram) or old.get(gram, 0))
        if len(new) >= self._limit:
            self._old, self._new = new, {}


class Numbers(dict[str, int]):
    """A number of 32 bits for each token, equal in every process."""

    def __missing__(self, token: str) -> int:
        number = self[token] = zlib.crc32(token.encode("utf-8", "surrogatepass"))
        return number


def user_number(user: str) -> int:
    """Return the number from 0 to 63 that stands for a user."""
    return zlib.crc32(user.encode("utf-8", "surrogatepass")) & 63


def user_bit(user: str) -> int:
    """Return the bit that stands for a user."""
    return 1 << user_number(user)


def user_place(user: str, number: int) -> int:
    """Return the place of a text among those of one n-gram: one of OWN that its user has."""
    return OWN * zlib.crc32(user.encode("utf-8", "surrogatepass")) + number % OWN
