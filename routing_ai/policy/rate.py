"""Rates: how much may be used in a minute."""


class Bucket:
    """A bucket of `a_minute` units that fills evenly and starts full (a token bucket, ITU-T I.371).

    Times are seconds of any clock that only goes forward.
    """

    def __init__(self, a_minute: float, now: float) -> None:
        self._limit = a_minute
        self._level = a_minute
        self._at = now

    def wait(self, amount: float, now: float) -> float:
        """Return the seconds until `amount` may be taken; 0 when it may be now. More than a whole minute's may be taken from
        a full bucket, so that nothing waits for ever."""
        self._fill(now)
        missing = min(amount, self._limit) - self._level
        return max(0.0, missing * 60 / self._limit) if self._limit else 60.0

    def take(self, amount: float, now: float) -> None:
        """Take, into debt if need be; a negative amount gives back."""
        self._fill(now)
        self._level = min(self._limit, self._level - amount)

    def _fill(self, now: float) -> None:
        self._level = min(self._limit, self._level + (now - self._at) * self._limit / 60)
        self._at = now
