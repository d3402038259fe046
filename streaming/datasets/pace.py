"""Pace: how large events are, how tightly they are coded and how far apart, from what the line shows."""

from dataclasses import dataclass

KB = 1024
# Bytes a second above which a line counts as medium, and as high: 1 and 16 Mbit/s.
MEDIUM, HIGH = 125_000, 2_000_000
SMALLEST, LARGEST = 2 * KB, 32 * KB
# Seconds of the line that one event should take in `auto`.
EVENT_TIME = 0.1
# Weight of a new measurement, and the part of the time below which sending counts as not held up.
SMOOTHING = 0.3
FREE = 0.1
SHORTEST_DELAY, LONGEST_DELAY = 0.001, 0.05


@dataclass(frozen=True, slots=True)
class Shape:
    """Bytes of results an event gathers (0: one chunk an event), and compression level 0 to 3."""

    group: int
    level: int


HINTED = {"low": Shape(SMALLEST, 3), "medium": Shape(8 * KB, 2), "high": Shape(LARGEST, 1)}


class Pace:
    """Learns from each send how many bytes went out and how long the line held them up."""

    def __init__(self) -> None:
        self.rate: float | None = None
        self.held = 0.0
        self.delay = 0.0

    def sent(self, size: int, held: float, since_last: float) -> None:
        """Count a send of `size` bytes that took `held` of the `since_last` seconds since the one before.

        A send that was not held up says only that the line carries at least what the work yields.
        """
        share = min(1.0, held / since_last) if since_last > 0 else 0.0
        self.held += SMOOTHING * (share - self.held)
        rate = size / max(since_last, 1e-6)
        if self.held < FREE:
            self.rate = None if self.rate is None else self.rate + SMOOTHING * (max(rate, self.rate * 2) - self.rate)
            self.delay = self.delay / 2 if self.delay > SHORTEST_DELAY else 0.0
        else:
            self.rate = rate if self.rate is None else self.rate + SMOOTHING * (rate - self.rate)
            # A line that is full is not helped by more: fewer, fuller packets, and the worker is free for others.
            self.delay = min(LONGEST_DELAY, max(SHORTEST_DELAY, self.delay * 2))

    @property
    def bandwidth(self) -> str:
        """Return low, medium or high; high while nothing was ever held up."""
        if self.rate is None or self.rate >= HIGH:
            return "high"
        return "medium" if self.rate >= MEDIUM else "low"

    def shape(self) -> Shape:
        """Return the shape of the next events for a line without a hint."""
        if self.rate is None:
            return HINTED["high"]
        return Shape(int(min(LARGEST, max(SMALLEST, self.rate * EVENT_TIME))), HINTED[self.bandwidth].level)
