"""The pauses between attempts."""

from hypothesis import given
from hypothesis import strategies as st

from aura_client.backoff import Backoff

SECONDS = st.floats(0, 100)


@given(st.lists(st.tuples(st.floats(0, 1), SECONDS), max_size=40), st.floats(0.01, 2), st.floats(1, 60))
def test_pauses_grow_within_their_limit_and_end(steps: list[tuple[float, float]], first: float, limit: float) -> None:
    backoff = Backoff(first, limit, patience=50.0)
    now = began = 1_000.0
    for number, (chance, _) in enumerate(steps):
        pause = backoff.failed(now, chance)
        if pause is None:
            assert now + min(limit, first * 2**number) - began > 50
            return
        assert 0 <= pause <= min(limit, first * 2**number)
        now += pause
        assert now - began <= 50


@given(SECONDS)
def test_what_the_server_asks_for_is_the_least(least: float) -> None:
    assert Backoff(patience=1_000).failed(0.0, 0.0, least) == least


def test_a_success_begins_anew() -> None:
    backoff = Backoff(first=1.0, patience=10.0)
    assert [backoff.failed(now, 1.0) for now in (0.0, 1.0, 3.0)] == [1.0, 2.0, 4.0]
    assert backoff.failed(7.0, 1.0) is None
    backoff.succeeded()
    assert backoff.failed(100.0, 1.0) == 1.0
