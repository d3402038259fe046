"""Rates with bursts."""

from hypothesis import given
from hypothesis import strategies as st

from streaming.flow.bucket import TokenBucket


def test_a_burst_then_the_rate() -> None:
    bucket = TokenBucket(rate=2, burst=4, now=100)
    assert [bucket.take(1, 100) for _ in range(4)] == [0, 0, 0, 0]
    assert bucket.take(1, 100) == 0.5
    assert bucket.take(1, 100.5) == 0
    assert bucket.take(9, 200) == 0  # more than the burst counts as the burst
    assert bucket.take(1, 200) == 0.5


def test_a_debt_is_paid_at_the_rate() -> None:
    bucket = TokenBucket(rate=100, burst=50, now=0)
    assert bucket.owe(50, 0) == 0
    assert bucket.owe(200, 0) == 2
    assert bucket.owe(0, 1) == 1
    assert not bucket.full(2)
    assert bucket.full(3)


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0.1, 20)), max_size=60), st.floats(0.1, 50), st.floats(1, 100))
def test_never_more_than_burst_and_rate_allow(steps: list[tuple[float, float]], rate: float, burst: float) -> None:
    bucket = TokenBucket(rate, burst, 0)
    now = taken = 0.0
    for pause, amount in steps:
        now += pause
        if bucket.take(amount, now) == 0:
            taken += min(amount, burst)
        assert taken <= burst + rate * now + 1e-6


def test_a_clock_that_goes_back_gives_nothing() -> None:
    bucket = TokenBucket(1, 1, 10)
    assert bucket.take(1, 10) == 0
    assert bucket.take(1, 5) == 1
    assert bucket.take(1, 11) == 0
