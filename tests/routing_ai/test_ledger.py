"""Budgets against a real database with many at once."""

import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.utils import timezone

from routing_ai import ledger, selectors
from routing_ai.errors import BudgetExhausted
from routing_ai.ledger import Order
from routing_ai.models import Budget, Spend
from routing_ai.policy import prices
from routing_ai.policy.budget import Account, day_in, refusing
from routing_ai.policy.tiers import Tier, TierSpec

PAID = TierSpec(Tier.SMART, "openai", "paid", Decimal(1), Decimal(2))
FREE = TierSpec(Tier.NANO, "embedded", "free", Decimal(0), Decimal(0))
DOLLAR = 10**9


@pytest.fixture
def user():
    return get_user_model().objects.create_user("ada")


def order(user) -> Order:
    return Order(user.pk, uuid4(), "a test")


@pytest.mark.django_db(transaction=True)
def test_64_at_once_against_a_budget_for_10_admit_exactly_10(user) -> None:
    Budget.objects.create(user=None, daily_limit=Decimal(10))
    admitted, refused = [], []
    start = threading.Barrier(64)

    def reserve() -> None:
        start.wait()
        try:
            admitted.append(ledger.reserve(order(user), [PAID], {PAID: DOLLAR}))
        except BudgetExhausted:
            refused.append(1)
        finally:
            connection.close()

    threads = [threading.Thread(target=reserve) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(admitted), len(refused)) == (10, 54)
    assert selectors.budgets_today()[0]["left"] == 0


@pytest.mark.django_db
def test_a_reservation_is_settled_or_released_once(user) -> None:
    Budget.objects.create(user=user, daily_limit=Decimal(3))
    _, first = ledger.reserve(order(user), [PAID], {PAID: DOLLAR})
    _, second = ledger.reserve(order(user), [PAID], {PAID: DOLLAR})
    ledger.settle(first, 400_000_000, 10, 20)
    ledger.release(second)
    ledger.settle(second, DOLLAR, 1, 1)
    assert selectors.budgets_today(user.pk)[1]["used"] == Decimal("0.4")
    assert Spend.objects.get(pk=second).state == Spend.RELEASED
    with pytest.raises(BudgetExhausted, match=r"this user has \$2\.6"):
        ledger.reserve(order(user), [PAID], {PAID: 3 * DOLLAR})


@pytest.mark.django_db
def test_when_money_is_short_a_cheaper_model_answers_and_a_free_one_always_may(user) -> None:
    Budget.objects.create(user=None, daily_limit=Decimal("0.5"))
    spec, _ = ledger.reserve(order(user), [PAID, FREE], {PAID: DOLLAR, FREE: 0})
    assert spec == FREE
    Budget.objects.update(daily_limit=0)
    assert ledger.reserve(order(user), [FREE], {FREE: 0})[0] == FREE


@pytest.mark.django_db
def test_yesterday_does_not_count(user) -> None:
    Budget.objects.create(user=None, daily_limit=Decimal(1), time_zone="Asia/Riyadh")
    _, number = ledger.reserve(order(user), [PAID], {PAID: DOLLAR})
    Spend.objects.filter(pk=number).update(created=timezone.now() - timedelta(days=1))
    assert ledger.reserve(order(user), [PAID], {PAID: DOLLAR})[0] == PAID


def test_the_day_is_that_of_its_zone() -> None:
    late = datetime(2026, 3, 28, 23, 30, tzinfo=UTC)
    assert str(day_in("UTC", late)) == "2026-03-28"
    assert str(day_in("Asia/Riyadh", late)) == "2026-03-29"
    # The night in which Berlin's clocks go forward.
    assert str(day_in("Europe/Berlin", datetime(2026, 3, 29, 22, 30, tzinfo=UTC))) == "2026-03-30"


def test_arithmetic_errs_on_the_safe_side() -> None:
    assert prices.cost_nano(TierSpec(Tier.NANO, "p", "m", Decimal("0.0000001"), Decimal(0)), 1, 0) == 1
    assert prices.worst_prompt_tokens([{"content": "مرحبا"}]) >= 10
    account = Account("a", 10, 4)
    assert refusing([account], 6) is None
    assert refusing([account], 7) == account
    assert refusing([Account("full", 0, 0)], 0) is None
