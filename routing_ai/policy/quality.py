"""How well a model does, over a sliding window of time; plain sums by slices of it."""

from bisect import bisect_left
from collections import deque
from dataclasses import dataclass, field

SLICE_S = 15.0
WINDOW_S = 300.0
# Fewer calls than this say nothing about a model's health.
ENOUGH = 5


@dataclass(slots=True)
class Slice:
    """What happened in SLICE_S seconds from `begin`."""

    begin: float
    calls: int = 0
    errors: int = 0
    cache_hits: int = 0
    tokens: int = 0
    token_seconds: float = 0.0
    first_tokens: list[float] = field(default_factory=list)
    drafted: int = 0
    accepted: int = 0


@dataclass(frozen=True, slots=True)
class Metrics:
    """One model over the window: milliseconds to the first token (half, 95 of 100), tokens a second, shares from 0 to 1."""

    calls: int
    first_token_ms_p50: float
    first_token_ms_p95: float
    tokens_per_second: float
    error_rate: float
    cache_hits: int
    acceptance: float
    health: float


# Upper ends of what first tokens are counted by, in seconds.
FIRST_TOKEN_BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


@dataclass(slots=True)
class Totals:
    """One model since the process started. `first_tokens` counts by FIRST_TOKEN_BOUNDS, the last entry all that is later."""

    calls: int = 0
    errors: int = 0
    cache_hits: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    token_seconds: float = 0.0
    cost_nano: int = 0
    first_tokens: list[int] = field(default_factory=lambda: [0] * (len(FIRST_TOKEN_BOUNDS) + 1))
    first_token_seconds: float = 0.0

    def first_token(self, seconds: float) -> None:
        """Count one first token."""
        self.first_tokens[bisect_left(FIRST_TOKEN_BOUNDS, seconds)] += 1
        self.first_token_seconds += seconds


class Window:
    """Counts one model's calls. Times are seconds of any clock that only goes forward."""

    # First tokens kept in a slice: percentiles need no more, and a slice stays small.
    SAMPLE = 200

    def __init__(self) -> None:
        self._slices: deque[Slice] = deque()

    def at(self, now: float) -> Slice:
        """Return the slice to count in, and forget those that are too old."""
        while self._slices and self._slices[0].begin < now - WINDOW_S:
            self._slices.popleft()
        if not self._slices or self._slices[-1].begin + SLICE_S <= now:
            self._slices.append(Slice(now))
        return self._slices[-1]

    def metrics(self, now: float, target_ms: float) -> Metrics:
        """Return the sums of the window; `target_ms` is what the first token aims at."""
        self.at(now)
        firsts = sorted(value for one in self._slices for value in one.first_tokens)
        calls, errors = sum(one.calls for one in self._slices), sum(one.errors for one in self._slices)
        seconds = sum(one.token_seconds for one in self._slices)
        drafted = sum(one.drafted for one in self._slices)
        rate = errors / calls if calls else 0.0
        half = firsts[len(firsts) // 2] if firsts else 0.0
        return Metrics(
            calls=calls,
            first_token_ms_p50=half,
            first_token_ms_p95=firsts[int(len(firsts) * 0.95)] if firsts else 0.0,
            tokens_per_second=sum(one.tokens for one in self._slices) / seconds if seconds else 0.0,
            error_rate=rate,
            cache_hits=sum(one.cache_hits for one in self._slices),
            acceptance=sum(one.accepted for one in self._slices) / drafted if drafted else 0.0,
            health=health(calls, rate, half, target_ms),
        )


def health(calls: int, error_rate: float, first_token_ms: float, target_ms: float) -> float:
    """Return how fit a model is, from 0 to 1: the share of its calls that succeed, less when its first token is later than
    twice the target. 1 until there are ENOUGH calls to tell."""
    if calls < ENOUGH:
        return 1.0
    late = max(1.0, first_token_ms / (2 * target_ms)) if target_ms else 1.0
    return (1 - error_rate) / late
