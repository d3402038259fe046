"""Texts that wait, each under a number, and how many of them each user has."""

from collections.abc import Iterator

from compression.discovery.clusters import Unit


class Held:
    """What `Waiting` and `Beside` have in common: the texts. How they are found again is their own affair."""

    def __init__(self) -> None:
        self._units: dict[int, Unit] = {}
        self._times: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._units)

    def __contains__(self, number: int) -> bool:
        return number in self._units

    def __iter__(self) -> Iterator[int]:
        """Yield the numbers of what waits, in the order in which it came."""
        return iter(self._units)

    def __getitem__(self, number: int) -> Unit:
        return self._units[number]

    def hold(self, number: int, unit: Unit) -> None:
        """Take in a text."""
        self._units[number] = unit
        self._times[unit.user] = self._times.get(unit.user, 0) + 1

    def pop(self, number: int) -> Unit:
        """Take out a text. Raises KeyError when it does not wait."""
        unit = self._units.pop(number)
        self._times[unit.user] -= 1
        if not self._times[unit.user]:
            del self._times[unit.user]
        return unit

    def beyond(self, share: int) -> list[int]:
        """Return the numbers of what users have more than `share` of: of each the oldest."""
        more = {user: times - share for user, times in self._times.items() if times > share}
        found = []
        for number, unit in self._units.items() if more else ():
            if more.get(unit.user, 0) > 0:
                more[unit.user] -= 1
                found.append(number)
        return found
