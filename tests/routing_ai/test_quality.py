"""The monitor of models."""

from decimal import Decimal

from routing_ai import catalogue, services
from routing_ai.policy.quality import ENOUGH, WINDOW_S, Window, health
from routing_ai.policy.tiers import Tier, TierSpec
from routing_ai.quality import LIMIT, QualityMonitor, monitor


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_metrics_are_those_of_the_window() -> None:
    clock = Clock()
    watch = QualityMonitor(clock)
    for first in (100, 200, 300):
        watch.answered("m", target_ms=500, first_token_ms=first, tokens=50, seconds=0.5)
    watch.failed("m", 500)
    watch.hit("m")
    watch.drafted("m", 100, 96)
    found = watch.get_metrics()["m"]
    assert (found["calls"], found["error_rate"], found["cache_hits"]) == (4, 0.25, 1)
    assert (found["first_token_ms_p50"], found["first_token_ms_p95"]) == (200, 300)
    assert (found["tokens_per_second"], found["acceptance"], found["health"]) == (100, 0.96, 1.0)
    clock.now = WINDOW_S + 100
    assert watch.get_metrics()["m"]["calls"] == 0


def test_health_falls_with_errors_and_with_late_first_tokens() -> None:
    assert health(ENOUGH - 1, 1.0, 10_000, 100) == 1
    assert health(10, 0.5, 100, 100) == 0.5
    assert health(10, 0.0, 400, 100) == 0.5
    assert health(10, 0.0, 199, 100) == 1
    assert QualityMonitor().health("unknown") == 1


def test_what_is_kept_is_bounded() -> None:
    watch, clock = QualityMonitor(), Clock()
    for number in range(LIMIT * 2):
        watch.hit(f"m{number}")
    assert len(watch.get_metrics()) == LIMIT
    window = Window()
    for second in range(10_000):
        window.at(float(second)).calls += 1
    assert window.metrics(10_000.0, 100).calls <= WINDOW_S + 20
    assert clock.now == 0


def test_strangers_names_do_not_push_out_the_models_of_the_tiers(settings) -> None:
    settings.FAST_MODEL = "mock:busy"
    catalogue.reset()
    watch = QualityMonitor()
    watch.failed("early", 100)
    for number in range(LIMIT * 2):
        watch.failed(f"m{number}", 100)
        watch.failed("busy", 100)
    assert "busy" in watch.totals
    assert "early" not in watch.get_metrics()
    assert watch.get_metrics()["busy"]["calls"] == LIMIT * 2
    watch.clear()
    for number in range(LIMIT):
        watch.spent(f"m{number}", 1, 1)
    watch.spent("busy", 1, 1)
    watch.spent("stranger", 1, 1)
    assert set(watch.totals) - {f"m{number}" for number in range(LIMIT)} == {"busy", "other"}
    catalogue.reset()


def test_a_model_that_does_badly_is_asked_after_the_others() -> None:
    specs = [TierSpec(Tier.FAST, "mock", name, Decimal(0), Decimal(0)) for name in ("bad", "good")]
    plan = services._Plan(services.Choice(Tier.FAST, ""), specs, specs)
    assert [spec.model for spec in plan.candidates()] == ["bad", "good"]
    for _ in range(ENOUGH):
        monitor.failed("bad", 100)
    assert [spec.model for spec in plan.candidates()] == ["good", "bad"]
