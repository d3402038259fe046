"""How much a process that runs late still takes on."""

from hypothesis import given
from hypothesis import strategies as st

from streaming.flow.congestion import CALM, SAMPLE, Congestion, Level
from streaming.protocol.codes import Priority


def feed(congestion: Congestion, lag: float, seconds: float, now: float) -> float:
    for _ in range(round(seconds / SAMPLE)):
        now += SAMPLE
        congestion.observe(lag, now)
    return now


def test_it_rises_with_the_lag_and_sheds_by_priority() -> None:
    congestion = Congestion(1.0)
    now = feed(congestion, 0.01, 1, 0)
    assert (congestion.level, congestion.coalescing) == (Level.FREE, 1)
    now = feed(congestion, 0.2, 5, now)
    assert (congestion.level, congestion.coalescing) == (Level.BUSY, 2)
    assert congestion.admits(Priority.BULK)
    now = feed(congestion, 0.7, 5, now)
    assert congestion.level == Level.CONGESTED
    assert [congestion.admits(one) for one in (Priority.URGENT, Priority.NORMAL, Priority.BULK)] == [True, True, False]
    feed(congestion, 1.5, 5, now)
    assert congestion.level == Level.OVERLOADED
    assert [congestion.admits(one) for one in (Priority.URGENT, Priority.NORMAL, Priority.BULK)] == [True, False, False]
    assert congestion.retry_after > CALM


def test_one_pause_is_no_congestion() -> None:
    congestion = Congestion(1.0)
    now = feed(congestion, 0.0, 1, 0)
    congestion.observe(0.4, now)
    assert congestion.level == Level.FREE


def test_it_recovers_step_by_step_when_it_has_been_calm() -> None:
    congestion = Congestion(1.0)
    now = feed(congestion, 3.0, 5, 0)
    seen = []
    for _ in range(200):
        now += SAMPLE
        seen.append(congestion.observe(0.0, now))
    assert [level for number, level in enumerate(seen) if not number or level != seen[number - 1]] == [3, 2, 1, 0]
    assert seen.count(Level.CONGESTED) >= CALM / SAMPLE - 1


def test_without_a_limit_it_only_measures() -> None:
    congestion = Congestion(0)
    feed(congestion, 9, 5, 0)
    assert congestion.level == Level.FREE
    assert congestion.lag > 5


@given(st.lists(st.floats(0, 10), max_size=300))
def test_urgent_work_is_always_taken_on(lags: list[float]) -> None:
    congestion = Congestion(0.5)
    for number, lag in enumerate(lags):
        level = congestion.observe(lag, number * SAMPLE)
        assert congestion.admits(Priority.URGENT)
        assert congestion.coalescing == 1 << level
