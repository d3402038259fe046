"""A circuit breaker: a provider that keeps failing rests, and one call at a time tries whether it is back."""

# Failures in a row that open the breaker, and the rest after them: doubled each time that the trial fails too.
FAILURES = 5
REST_S = 5.0
REST_LIMIT_S = 120.0


class Breaker:
    """Closed while calls succeed, open after FAILURES in a row, half open when the rest is over.

    Times are seconds of any clock that only goes forward. Source: M. Nygard, "Release It!", chapter 5.
    """

    def __init__(self) -> None:
        self._failures = 0
        self._rest = 0.0
        self._until = 0.0
        self._trial: float | None = None

    def resting(self, now: float) -> float:
        """Return the seconds until a call may be tried; 0 when one may be made now."""
        if not self._rest:
            return 0.0
        if now < self._until:
            return self._until - now
        # Half open. A trial that nobody ended (its caller was cancelled) blocks for one rest and no longer.
        if self._trial is not None and now < self._trial + self._rest:
            return self._trial + self._rest - now
        return 0.0

    def begin(self, now: float) -> bool:
        """Count a call that is made now; return whether it is the trial."""
        trial = self._rest > 0 and not self.resting(now)
        if trial:
            self._trial = now
        return trial

    def succeeded(self) -> None:
        """Close: the provider answers."""
        self._failures, self._rest, self._until, self._trial = 0, 0.0, 0.0, None

    def failed(self, now: float, *, trial: bool = False) -> None:
        """Count a failure that is the provider's fault, not the request's; `trial` is what `begin` said of the call."""
        if self._rest and not trial:
            # It was under way when the rest began, and says nothing new.
            return
        self._failures += 1
        self._trial = None
        if self._rest or self._failures >= FAILURES:
            self._rest = min(REST_LIMIT_S, self._rest * 2 or REST_S)
            self._until = now + self._rest
