"""Token bucket (Turner, IEEE Communications Magazine, October 1986): a rate with a burst."""


class TokenBucket:
    """Holds at most `burst` tokens and gains `rate` a second. All times are the caller's, in seconds."""

    __slots__ = ("_at", "_burst", "_rate", "_tokens")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at = now

    def take(self, amount: float, now: float) -> float:
        """Take tokens if there are enough and return 0; else take none and return the seconds until there are.

        More than the burst counts as the burst, so that nothing waits for ever.
        """
        self._fill(now)
        wanted = min(amount, self._burst)
        if self._tokens >= wanted:
            self._tokens -= wanted
            return 0.0
        return (wanted - self._tokens) / self._rate

    def owe(self, amount: float, now: float) -> float:
        """Take tokens though there may be too few, and return the seconds until the debt is paid; 0 for none."""
        self._fill(now)
        self._tokens -= amount
        return max(0.0, -self._tokens / self._rate)

    def full(self, now: float) -> bool:
        """Return whether nothing was taken lately: then a new bucket would be the same."""
        self._fill(now)
        return self._tokens >= self._burst

    def _fill(self, now: float) -> None:
        self._tokens = min(self._burst, self._tokens + max(0.0, now - self._at) * self._rate)
        self._at = max(self._at, now)
