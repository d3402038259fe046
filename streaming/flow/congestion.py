"""Congestion: from how late a process runs, how much it should still take on."""

from enum import IntEnum

from streaming.protocol.codes import Priority


class Level(IntEnum):
    """What a process does: everything; larger chunks; no bulk work; urgent work only."""

    FREE = 0
    BUSY = 1
    CONGESTED = 2
    OVERLOADED = 3


# Shares of the limit at which a level begins. It ends when the lag has been below half of that for CALM seconds.
_STARTS = {Level.BUSY: 0.1, Level.CONGESTED: 0.5, Level.OVERLOADED: 1.0}
CALM = 2.0
# Weight of a new sample in the moving average, for samples SAMPLE seconds apart.
SAMPLE = 0.1
_WEIGHT = 0.2
# The lowest priority that is still admitted, in the order urgent, normal, bulk.
_REFUSED: dict[Level, frozenset[Priority]] = {
    Level.FREE: frozenset(),
    Level.BUSY: frozenset(),
    Level.CONGESTED: frozenset({Priority.BULK}),
    Level.OVERLOADED: frozenset({Priority.BULK, Priority.NORMAL}),
}


class Congestion:
    """Watches the lag of an event loop, in seconds; `limit` is where only urgent work is taken on, 0 for never.

    Rises at once, falls slowly: a process that sheds load is quiet for that very reason.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self.lag = 0.0
        self.level = Level.FREE
        self._calm_since = 0.0

    def observe(self, lag: float, now: float) -> Level:
        """Take a sample and return the level."""
        self.lag += (max(0.0, lag) - self.lag) * _WEIGHT
        if self._limit <= 0:
            return self.level
        reached = max(
            (level for level, share in _STARTS.items() if self.lag >= share * self._limit), default=Level.FREE
        )
        if reached > self.level:
            self.level = reached
            self._calm_since = now
        elif self.level and self.lag >= _STARTS[self.level] * self._limit / 2:
            self._calm_since = now
        elif self.level and now - self._calm_since >= CALM:
            self.level = Level(self.level - 1)
            self._calm_since = now
        return self.level

    def admits(self, priority: Priority) -> bool:
        """Return whether work of that priority is taken on now."""
        return priority not in _REFUSED[self.level]

    @property
    def retry_after(self) -> float:
        """Return the seconds after which to try again; more, the worse it is."""
        return CALM * (1 + self.level)

    @property
    def coalescing(self) -> int:
        """Return how many times larger and later chunks are than on a free process."""
        return 1 << self.level
