"""Budgets against a real database with many at once."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from channels.db import database_sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.utils import timezone

from aura_db.committer import Committer, Job
from routing_ai import selectors
from routing_ai.errors import BudgetExhausted
from routing_ai.keys import create_key
from routing_ai.ledger import Cost, Ledger, Order, Reservation, ledger
from routing_ai.models import Budget, BudgetDay, Spend
from routing_ai.policy import prices
from routing_ai.policy.budget import Account, bounds, day_in, refusing
from routing_ai.policy.tiers import Tier, TierSpec

PAID = TierSpec(Tier.SMART, "openai", "paid", Decimal(1), Decimal(2))
FREE = TierSpec(Tier.NANO, "embedded", "free", Decimal(0), Decimal(0))
DOLLAR = 10**9

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def user():
    return get_user_model().objects.create_user("ada")


def order(user, key=None) -> Order:
    return Order(user.pk, uuid4(), "a test", key.pk if key else None)


def reserve(user, dollars: float = 1, specs=(PAID,), key=None) -> Reservation:
    worst = {spec: 0 if spec.free else int(dollars * DOLLAR) for spec in specs}
    return ledger().submit_reserve(order(user, key), list(specs), worst).result()


def used(user=None) -> list[Decimal]:
    return [account["used"] for account in selectors.budgets_today(user.pk if user else None)]


async def test_64_at_once_against_a_budget_for_10_admit_exactly_10() -> None:
    user = await database_sync_to_async(get_user_model().objects.create_user)("ada")
    await database_sync_to_async(Budget.objects.create)(daily_limit=Decimal(10))
    calls = [ledger().reserve(order(user), [PAID], {PAID: DOLLAR}) for _ in range(64)]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(result, Reservation) for result in results) == 10
    assert sum(isinstance(result, BudgetExhausted) for result in results) == 54
    assert (await database_sync_to_async(selectors.budgets_today)())[0]["left"] == 0
    assert await database_sync_to_async(Spend.objects.count)() == 10


def test_a_reservation_is_settled_or_released_once(user) -> None:
    Budget.objects.create(user=user, daily_limit=Decimal(3))
    first, second = reserve(user), reserve(user)
    ledger().submit_settle(first, Cost(400_000_000, 900_000_000, 10, 20)).result()
    ledger().submit_release(second).result()
    ledger().submit_settle(second, Cost(DOLLAR)).result()
    ledger().submit_release(first).result()
    assert used(user) == [Decimal("0.4"), Decimal("0.4")]
    assert Spend.objects.get(pk=second.number).state == Spend.RELEASED
    settled = Spend.objects.get(pk=first.number)
    assert (settled.state, settled.amount, settled.completion_tokens) == (Spend.SETTLED, Decimal("0.4"), 20)
    with pytest.raises(BudgetExhausted, match=r"this user has \$2\.6") as refused:
        reserve(user, 3)
    assert 0 < refused.value.retry_after <= 25 * 3600


def test_when_money_is_short_a_cheaper_model_answers_and_a_free_one_always_may(user) -> None:
    Budget.objects.create(daily_limit=Decimal("0.5"))
    assert reserve(user, 1, (PAID, FREE)).spec == FREE
    Budget.objects.update(daily_limit=0)
    free = reserve(user, 1, (FREE,))
    assert free.spec == FREE
    ledger().submit_settle(free, Cost(0, 5, 3, 4)).result()
    assert Spend.objects.get().completion_tokens == 4


async def test_reservations_are_not_kept_waiting_and_settlements_are_patient() -> None:
    user = await database_sync_to_async(get_user_model().objects.create_user)("ada")
    await database_sync_to_async(Budget.objects.create)(daily_limit=Decimal(100))
    seen: list[tuple[bool, bool]] = []
    commits = Committer()
    put = commits.put

    def noted(job: Job) -> None:
        seen.append((job.patient, job.must))
        put(job)

    commits.put = noted  # type: ignore[method-assign]
    book = Ledger(commits)
    first = await book.reserve(order(user), [PAID], {PAID: 1})
    await book.settle(first, Cost(1))
    await book.release(await book.reserve(order(user), [PAID], {PAID: 1}))
    assert seen == [(False, False), (True, True), (False, False), (True, True)]
    await asyncio.to_thread(book.close)


def test_yesterday_does_not_count(user) -> None:
    Budget.objects.create(daily_limit=Decimal(1), time_zone="Asia/Riyadh")
    reservation = reserve(user)
    yesterday = timezone.now() - timedelta(days=1)
    Spend.objects.filter(pk=reservation.number).update(created=yesterday)
    BudgetDay.objects.update(day=yesterday.date() - timedelta(days=1))
    assert reserve(user).spec == PAID


def test_what_is_settled_after_midnight_counts_for_the_day_it_was_reserved_on(user) -> None:
    budget = Budget.objects.create(daily_limit=Decimal(2))
    reservation = reserve(user)
    today = BudgetDay.objects.get(budget=budget.pk).day
    BudgetDay.objects.update(day=today - timedelta(days=1))
    Spend.objects.update(created=timezone.now() - timedelta(days=1))
    BudgetDay.objects.create(budget=budget.pk, day=today, nano=0)
    ledger().submit_settle(reservation, Cost(3)).result()
    assert list(BudgetDay.objects.order_by("day").values_list("nano", flat=True)) == [3, 0]


def test_users_teams_and_keys_have_budgets_of_their_own(user) -> None:
    eve = get_user_model().objects.create_user("eve")
    team = Group.objects.create(name="writers")
    team.user_set.add(user, eve)
    key, _ = create_key(user, "laptop")
    Budget.objects.create(team=team, daily_limit=Decimal(3))
    Budget.objects.create(api_key=key, daily_limit=Decimal(1))
    reserve(user, key=key)
    with pytest.raises(BudgetExhausted, match="this API key"):
        reserve(user, key=key)
    reserve(user)
    reserve(eve)
    with pytest.raises(BudgetExhausted, match="this team"):
        reserve(eve)
    stranger = get_user_model().objects.create_user("zoe")
    assert reserve(stranger).spec == PAID
    assert used(eve) == [4, 3]


def test_a_budget_that_comes_in_the_middle_of_the_day_counts_what_was_spent_before(user) -> None:
    first = reserve(user, 2)
    Budget.objects.create(user=user, daily_limit=Decimal(3))
    with pytest.raises(BudgetExhausted):
        reserve(user, 2)
    ledger().submit_settle(first, Cost(DOLLAR)).result()
    assert reserve(user, 2).spec == PAID


def test_a_budget_that_is_given_to_somebody_else_counts_what_that_one_spent(user) -> None:
    bob = get_user_model().objects.create_user("bob")
    budget = Budget.objects.create(user=user, daily_limit=Decimal(5))
    reserve(user, 4)
    reserve(bob, 1)
    budget.user = bob
    budget.save()
    assert used(bob) == [5, 1]
    assert reserve(bob, 4).spec == PAID
    budget.user, budget.daily_limit = user, Decimal(6)
    budget.save()
    assert used(user) == [9, 4]


def test_a_budget_whose_zone_changes_counts_the_day_of_the_new_one(user, monkeypatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: datetime(2026, 11, 5, 3, tzinfo=UTC))
    budget = Budget.objects.create(user=user, daily_limit=Decimal(9))
    reserve(user, 1)
    monkeypatch.setattr(timezone, "now", lambda: datetime(2026, 11, 5, 11, tzinfo=UTC))
    reserve(user, 2)
    budget.time_zone = "America/Los_Angeles"  # its 5th begins at 8:00 UTC
    budget.save()
    assert used(user)[-1] == 2
    reserve(user, 3)
    assert used(user)[-1] == 5


def test_who_is_refused_waits_for_the_day_of_the_budget_that_refused(user, monkeypatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: datetime(2026, 11, 5, 20, tzinfo=UTC))
    Budget.objects.create(daily_limit=Decimal(9), time_zone="Asia/Tokyo")  # its day ends at 15:00 UTC
    own = Budget.objects.create(user=user, daily_limit=Decimal(1), time_zone="UTC")
    cheap = TierSpec(Tier.NANO, "openai", "cheap", Decimal(1), Decimal(2))
    with pytest.raises(BudgetExhausted) as caught:
        reserve(user, 2, (PAID, cheap))
    assert caught.value.retry_after == 4 * 3600
    own.delete()
    with pytest.raises(BudgetExhausted) as caught:
        reserve(user, 10)
    assert caught.value.retry_after == 19 * 3600


def test_a_sum_is_the_sum_of_the_spends_whatever_happened(user) -> None:
    Budget.objects.create(daily_limit=Decimal(90))
    Budget.objects.create(user=user, daily_limit=Decimal(50))
    open_ones = [reserve(user, 1 + number / 7) for number in range(20)]
    for number, one in enumerate(open_ones[:15]):
        if number % 3:
            ledger().submit_settle(one, Cost(number * 10_000_001)).result()
        else:
            ledger().submit_release(one).result()
    kept = used(user)
    BudgetDay.objects.all().delete()
    assert used(user) == kept == [prices.dollars(sum(Spend.objects.values_list("nano", flat=True)))] * 2


async def test_a_caller_who_leaves_while_it_reserves_leaves_nothing_behind() -> None:
    user = await database_sync_to_async(get_user_model().objects.create_user)("ada")
    tasks = [asyncio.create_task(ledger().reserve(order(user), [PAID], {PAID: DOLLAR})) for _ in range(40)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    # What was written for those who left is given back, which the loop is told of.
    await asyncio.to_thread(ledger().close)
    await asyncio.sleep(0)
    await asyncio.to_thread(ledger().close)
    assert not await database_sync_to_async(Spend.objects.exclude(state="released").exists)()


def test_a_job_that_cannot_be_written_fails_alone(user) -> None:
    nobody = Order(10**6, None, "of nobody")
    jobs = [ledger().submit_reserve(one, [PAID], {PAID: 5}) for one in (order(user), nobody, order(user))]
    failed = [job.exception() is not None for job in jobs]
    assert failed == [False, True, False]


def test_a_budget_is_for_one_and_its_zone_is_one(user) -> None:
    team = Group.objects.create(name="writers")
    with pytest.raises(ValidationError, match="not for two"):
        Budget(user=user, team=team, daily_limit=1).full_clean()
    with pytest.raises(ValidationError, match="no time zone"):
        Budget(user=user, daily_limit=1, time_zone="Middle/Earth").full_clean()
    Budget.objects.create(daily_limit=1)
    with pytest.raises(ValidationError, match="already"):
        Budget(daily_limit=1).full_clean()


def test_the_day_is_that_of_its_zone() -> None:
    late = datetime(2026, 3, 28, 23, 30, tzinfo=UTC)
    assert str(day_in("UTC", late)) == "2026-03-28"
    assert str(day_in("Asia/Riyadh", late)) == "2026-03-29"


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", datetime(2026, 3, 29), 23),
        ("Europe/Berlin", datetime(2026, 10, 25), 25),
        ("Africa/Cairo", datetime(2026, 4, 24), 23),  # the clocks jump at midnight: the day begins at one
        ("Africa/Cairo", datetime(2026, 10, 29), 25),  # midnight comes twice at its end
        ("Asia/Riyadh", datetime(2026, 3, 29), 24),
    ],
)
def test_days_have_the_hours_of_their_zone_and_leave_no_gap(zone: str, day: datetime, hours: int) -> None:
    begin, end = bounds(zone, day.date())
    assert end - begin == timedelta(hours=hours)
    assert bounds(zone, day.date() + timedelta(days=1))[0] == end
    assert day_in(zone, begin) == day.date()
    assert day_in(zone, begin - timedelta(microseconds=1)) == day.date() - timedelta(days=1)


def test_arithmetic_errs_on_the_safe_side() -> None:
    assert prices.cost_nano(TierSpec(Tier.NANO, "p", "m", Decimal("0.0000001"), Decimal(0)), 1, 0) == 1
    assert prices.worst_prompt_tokens([{"content": "مرحبا"}]) >= 10
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 500_000}}
    assert 1_000 < prices.worst_prompt_tokens([{"content": [{"type": "text", "text": "what?"}, image]}]) < 100_000
    tools = {"tools": [{"type": "function", "function": {"name": "f", "description": "x" * 500}}]}
    assert prices.worst_prompt_tokens([], tools) > 500
    # What has an address only may be as long as a model can read.
    file = {"type": "file", "file": {"file_data": "https://example.org/all.pdf"}}
    assert prices.worst_prompt_tokens([{"content": [file]}]) >= prices.TOKENS_A_FILE
    account = Account("a", 10, 4)
    assert refusing([account], 6) is None
    assert refusing([account], 7) == account
    assert refusing([Account("full", 0, 0)], 0) is None


@pytest.mark.parametrize(
    ("amount", "words"), [("0E-9", "0.00"), ("10.000000000", "10.00"), ("0.000019", "0.000019"), ("1234.5", "1,234.50")]
)
def test_an_amount_is_told_with_the_digits_that_say_something(amount: str, words: str) -> None:
    assert prices.told(Decimal(amount)) == words
