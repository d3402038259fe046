"""Texts that differ from a template in the same place: they wait there until enough users have changed it."""

from collections.abc import Iterator

from compression.discovery.clusters import Unit
from compression.discovery.grams import POSTINGS, user_place
from compression.discovery.held import Held


class Beside(Held):
    """Texts that wait under the place where they differ from a template, at most POSTINGS for each, of one user OWN."""

    def __init__(self) -> None:
        super().__init__()
        self._places: dict[int, dict[int, int]] = {}
        self._under: dict[int, int] = {}

    def rows(self) -> Iterator[tuple[int, Unit, int]]:
        """Yield the number, the text and the place of all that waits."""
        return ((number, unit, self._under[number]) for number, unit in self._units.items())

    def add(self, number: int, unit: Unit, place: int) -> list[Unit]:
        """Let a text wait, and return the one of the same user whose place it takes."""
        waiting = self._places.setdefault(place, {})
        own = user_place(unit.user, number)
        passed = [self.pop(waiting[own])] if own in waiting else []
        if len(waiting) == POSTINGS:
            passed.append(self.pop(next(iter(waiting.values()))))
        # Taking out the last one took the place with it.
        self._places.setdefault(place, waiting)[own] = number
        self._under[number] = place
        self.hold(number, unit)
        return passed

    def pop(self, number: int) -> Unit:
        """Take out a text. Raises KeyError when it does not wait."""
        unit, place = super().pop(number), self._under.pop(number)
        waiting = self._places[place]
        del waiting[user_place(unit.user, number)]
        if not waiting:
            del self._places[place]
        return unit

    def under(self, place: int) -> list[int]:
        """Return the numbers of the texts that wait under a place, in the order in which they came."""
        return list(self._places.get(place, {}).values())
