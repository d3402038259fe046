"""The monitor of this process: what each model has done lately. It feeds the router, the metrics and the pages."""

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from routing_ai import catalogue
from routing_ai.policy.quality import Totals, Window

# Models that are watched at once; users may name them.
LIMIT = 200


class QualityMonitor:
    """Counts calls by model; `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._windows: dict[str, tuple[Window, float]] = {}
        # Sums that never fall, as a scraper needs them; a model's stay when its window goes.
        self.totals: dict[str, Totals] = {}

    def answered(self, model: str, *, target_ms: float, first_token_ms: float, tokens: int, seconds: float) -> None:
        """Count an answer that came to its end; `seconds` from its first token on."""
        total = self._total(model)
        total.calls += 1
        total.completion_tokens += tokens
        total.token_seconds += seconds
        total.first_token(first_token_ms / 1000)
        now = self._window(model, target_ms).at(self._clock())
        now.calls += 1
        now.tokens += tokens
        now.token_seconds += seconds
        if len(now.first_tokens) < Window.SAMPLE:
            now.first_tokens.append(first_token_ms)

    def failed(self, model: str, target_ms: float) -> None:
        """Count a call that failed by the model's fault."""
        total = self._total(model)
        total.calls += 1
        total.errors += 1
        now = self._window(model, target_ms).at(self._clock())
        now.calls += 1
        now.errors += 1

    def hit(self, model: str) -> None:
        """Count an answer from the cache."""
        self._total(model).cache_hits += 1
        self._window(model, 0.0).at(self._clock()).cache_hits += 1

    def spent(self, model: str, prompt_tokens: int, cost_nano: int) -> None:
        """Count what a call cost (10^-9 US dollars) and the tokens of its prompt, however it ended."""
        total = self._total(model)
        total.prompt_tokens += prompt_tokens
        total.cost_nano += cost_nano

    def drafted(self, model: str, drafted: int, accepted: int) -> None:
        """Count characters that were shown as tentative, and how many of them the model then said."""
        now = self._window(model, 0.0).at(self._clock())
        now.drafted += drafted
        now.accepted += accepted

    def health(self, model: str) -> float:
        """Return the health of a model, from 0 to 1; 1 for one that is not known."""
        known = self._windows.get(model)
        return known[0].metrics(self._clock(), known[1]).health if known else 1.0

    def get_metrics(self) -> dict[str, dict[str, Any]]:
        """Return by model, over the last five minutes: calls, first_token_ms_p50 and _p95, tokens_per_second, error_rate,
        cache_hits, acceptance, health."""
        now = self._clock()
        return {model: asdict(window.metrics(now, target)) for model, (window, target) in self._windows.items()}

    def clear(self) -> None:
        """Forget everything."""
        self._windows.clear()
        self.totals.clear()

    def _total(self, model: str) -> Totals:
        # Users may name models: what is beyond the limit is counted together, but for those of the tiers.
        known = (
            model in self.totals or len(self.totals) < LIMIT or any(model == spec.model for spec in catalogue.specs())
        )
        return self.totals.setdefault(model if known else "other", Totals())

    def _window(self, model: str, target_ms: float) -> Window:
        # Taken out and put back behind the others: what was asked for longest ago goes first.
        known = self._windows.pop(model, None)
        if known is None:
            if len(self._windows) >= LIMIT:
                self._windows.pop(next(iter(self._windows)))
            known = (Window(), target_ms)
        if target_ms:
            known = (known[0], target_ms)
        self._windows[model] = known
        return known[0]


monitor = QualityMonitor()


def get_metrics() -> dict[str, dict[str, Any]]:
    """Return the metrics of the models that this process has asked lately; see QualityMonitor.get_metrics."""
    return monitor.get_metrics()
