"""Which offsets of a stream have been dealt with. Pure."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence

# Runs of offsets that are remembered of one stream and epoch. Every hole in it (a dead letter, a message that comes late)
# divides one in two. Of more, the lowest is forgotten: a message of long ago might be dealt with again, none is lost.
RUNS_LIMIT = 256


class Seen:
    """A set of numbers, kept as runs: `[[0, 41], [43, 50]]` are all from 0 to 50 but 42."""

    def __init__(self, runs: Iterable[Sequence[int]] = ()) -> None:
        self._first: list[int] = []
        self._last: list[int] = []
        for first, last in runs:
            self._first.append(first)
            self._last.append(last)

    def __contains__(self, number: int) -> bool:
        place = bisect_right(self._first, number) - 1
        return place >= 0 and number <= self._last[place]

    def add(self, number: int) -> bool:
        """Remember a number; return whether it is new."""
        place = bisect_right(self._first, number) - 1
        if place >= 0 and number <= self._last[place]:
            return False
        joins_left = place >= 0 and self._last[place] == number - 1
        joins_right = place + 1 < len(self._first) and self._first[place + 1] == number + 1
        if joins_left and joins_right:
            self._last[place] = self._last.pop(place + 1)
            del self._first[place + 1]
        elif joins_left:
            self._last[place] = number
        elif joins_right:
            self._first[place + 1] = number
        else:
            self._first.insert(place + 1, number)
            self._last.insert(place + 1, number)
            if len(self._first) > RUNS_LIMIT:
                del self._first[0], self._last[0]
        return True

    @property
    def runs(self) -> list[list[int]]:
        """Return what a set is made from again."""
        return [[first, last] for first, last in zip(self._first, self._last, strict=True)]

    def copy(self) -> "Seen":
        """Return a set of its own with the same numbers."""
        return Seen(self.runs)
