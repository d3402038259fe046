"""Pace: a line that holds up gets smaller, tighter and rarer events; one that does not gets them at once."""

from hypothesis import given
from hypothesis import strategies as st

from streaming.datasets.pace import HINTED, LARGEST, LONGEST_DELAY, SMALLEST, Pace

SENDS = st.lists(st.tuples(st.integers(1, 1 << 20), st.floats(0, 10), st.floats(0, 10)), max_size=50)


@given(SENDS)
def test_whatever_the_line_does_the_shape_stays_in_bounds(sends: list[tuple[int, float, float]]) -> None:
    pace = Pace()
    for size, held, more in sends:
        pace.sent(size, held, held + more)
        shape = pace.shape()
        assert SMALLEST <= shape.group <= LARGEST
        assert 1 <= shape.level <= 3
        assert 0 <= pace.delay <= LONGEST_DELAY


def test_a_free_line_is_high() -> None:
    pace = Pace()
    for _ in range(20):
        pace.sent(10_000, 0.0, 0.05)
    assert (pace.bandwidth, pace.shape(), pace.delay) == ("high", HINTED["high"], 0.0)


def test_a_slow_line_is_found_out_and_recovers() -> None:
    pace = Pace()
    for _ in range(20):
        pace.sent(5_000, 0.1, 0.1)
    assert pace.bandwidth == "low"
    assert pace.shape().level == 3
    assert pace.shape().group < 8192
    assert pace.delay == LONGEST_DELAY
    for _ in range(60):
        pace.sent(5_000, 0.0, 0.001)
    assert pace.bandwidth == "high"
    assert pace.delay == 0.0
