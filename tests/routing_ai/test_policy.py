"""The pure parts: breaker, retries, rates, tiers."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_ai.policy import breaker, retry
from routing_ai.policy.breaker import FAILURES, REST_LIMIT_S, REST_S, Breaker
from routing_ai.policy.rate import Bucket
from routing_ai.policy.tiers import Tier, TierSpec, after_failure, at_first


def opened(now: float = 0.0) -> Breaker:
    made = Breaker()
    for _ in range(FAILURES):
        assert made.resting(now) == 0
        made.begin(now)
        made.failed(now)
    return made


def test_a_breaker_opens_after_failures_in_a_row_only() -> None:
    made = Breaker()
    for _ in range(FAILURES * 3):
        made.failed(0)
        made.succeeded()
    assert made.resting(0) == 0
    assert opened(100).resting(100) == REST_S


def test_one_call_tries_whether_it_is_back_and_a_failed_trial_doubles_the_rest() -> None:
    made = opened()
    assert made.resting(REST_S - 1) == 1
    assert made.resting(REST_S) == 0
    assert made.begin(REST_S)
    assert made.resting(REST_S + 0.1) > 0, "a second call while the first one tries"
    made.failed(REST_S + 1, trial=True)
    assert made.resting(REST_S + 1) == REST_S * 2
    for number in range(1, 20):
        made.failed(1000 * number, trial=made.begin(1000 * number))
    assert made.resting(19_000) == REST_LIMIT_S
    made.succeeded()
    assert made.resting(19_000) == 0


def test_what_was_under_way_when_the_rest_began_makes_it_no_longer() -> None:
    made = opened()
    for _ in range(5):
        made.failed(1)
    assert made.resting(1) == REST_S - 1
    assert made.begin(REST_S)
    assert not made.begin(REST_S), "one call tries, however many come at once"
    made.failed(REST_S + 0.1)
    assert made.resting(REST_S + 0.1) == REST_S - 0.1, "the trial has not ended"


def test_a_trial_that_nobody_ended_does_not_block_for_ever() -> None:
    made = opened()
    made.begin(REST_S)
    assert made.resting(REST_S + breaker.REST_S) == 0


@pytest.mark.parametrize(
    ("attempt", "chance", "named", "expected"),
    [(1, 1.0, None, 0.2), (2, 0.5, None, 0.2), (9, 1.0, None, 2.0), (1, 0.3, 1.5, 1.5), (1, 1.0, 60.0, None)],
)
def test_pauses_grow_and_obey(attempt: int, chance: float, named: float | None, expected: float | None) -> None:
    assert retry.pause(attempt, chance, named) == expected


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(1, 20)), max_size=60), st.integers(1, 120))
def test_a_bucket_never_gives_more_than_its_size_and_what_flowed_in(steps: list[tuple[float, int]], limit: int) -> None:
    bucket, now, taken = Bucket(limit, 0), 0.0, 0
    for pause, amount in steps:
        now += pause
        if bucket.wait(amount, now) == 0:
            bucket.take(amount, now)
            taken += amount
    assert taken <= limit + now * limit / 60 + 20


def test_a_bucket_says_how_long_to_wait() -> None:
    bucket = Bucket(60, 0)
    bucket.take(60, 0)
    assert bucket.wait(10, 0) == 10
    assert bucket.wait(10, 10) == 0
    assert bucket.wait(10_000, 60) == 0, "more than a minute's is taken from a full bucket"
    assert Bucket(0, 0).wait(1, 0) == 60


def spec(tier: Tier, model: str, stated: bool = True) -> TierSpec:
    return TierSpec(tier, "p", model, Decimal(1), Decimal(1), stated=stated)


def test_money_leads_down_and_failure_leads_up() -> None:
    chains = {
        Tier.NANO: [spec(Tier.NANO, "n")],
        Tier.FAST: [spec(Tier.FAST, "f1"), spec(Tier.FAST, "f2")],
        Tier.SMART: [spec(Tier.SMART, "s"), spec(Tier.SMART, "f2")],
        Tier.GENIUS: [spec(Tier.GENIUS, "stands in", stated=False)],
    }
    assert [one.model for one in at_first(chains, Tier.SMART)] == ["s", "f2", "f1", "n"]
    assert [one.model for one in after_failure(chains, Tier.FAST)] == ["f1", "f2", "s", "n"]
