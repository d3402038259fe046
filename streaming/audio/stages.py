"""How long the stages of a voice session take. Times in milliseconds."""

from collections import deque
from typing import Final

KEPT: Final = 256


class Stages:
    """Durations by the name of their stage, the newest KEPT of each."""

    def __init__(self) -> None:
        self._times: dict[str, deque[float]] = {}
        self._counts: dict[str, int] = {}

    def add(self, stage: str, milliseconds: float) -> None:
        """Count one."""
        self._times.setdefault(stage, deque(maxlen=KEPT)).append(milliseconds)
        self._counts[stage] = self._counts.get(stage, 0) + 1

    def summary(self) -> dict[str, dict[str, float]]:
        """Return count, last, p50 and p95 of each stage."""
        return {stage: self._figures(stage, sorted(times)) for stage, times in self._times.items()}

    def _figures(self, stage: str, ordered: list[float]) -> dict[str, float]:
        last = len(ordered) - 1
        return {
            "count": self._counts[stage],
            "last_ms": round(self._times[stage][-1], 1),
            "p50_ms": round(ordered[round(last * 0.5)], 1),
            "p95_ms": round(ordered[round(last * 0.95)], 1),
        }
