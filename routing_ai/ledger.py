"""The ledger: reserve before a call, settle after it, release when it failed. Budgets are never passed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Sum
from django.utils import timezone

from routing_ai.errors import BudgetExhausted
from routing_ai.models import Budget, Spend
from routing_ai.policy import prices
from routing_ai.policy.budget import Account, day_in, refusing
from routing_ai.policy.tiers import TierSpec

# One reservation at a time on PostgreSQL, whatever process it is in ("BUDG" in ASCII). SQLite has one writer anyway.
ADVISORY_LOCK = 0x42554447


@dataclass(frozen=True, slots=True)
class Order:
    """A call about to be made: by whom, for which stream, why that tier."""

    user_id: int
    stream: UUID | None
    reason: str


def reserve(order: Order, specs: Iterable[TierSpec], worst: dict[TierSpec, int]) -> tuple[TierSpec, int]:
    """Return the first of `specs` that every budget admits at its worst cost, and the number of its reservation.

    Free models need no room and no lock. Raises BudgetExhausted when none is admitted.
    """
    specs = list(specs)
    if specs and specs[0].free:
        return specs[0], _enter(order, specs[0], 0).pk
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ADVISORY_LOCK])
        accounts = accounts_of(order.user_id)
        refused: Account | None = None
        for spec in specs:
            against = refusing(accounts, worst[spec])
            if against is None:
                return spec, _enter(order, spec, worst[spec]).pk
            refused = refused or against
    assert refused is not None
    raise BudgetExhausted(
        f"The budget of {refused.name} has ${prices.dollars(refused.left):f} left today, which is not enough for this."
    )


def _enter(order: Order, spec: TierSpec, nano: int) -> Spend:
    return Spend.objects.create(
        user_id=order.user_id,
        stream=order.stream,
        state=Spend.RESERVED,
        tier=spec.tier.value,
        model=spec.model[:128],
        amount=prices.dollars(nano),
        reason=order.reason[:200],
    )


def settle(number: int, nano: int, prompt_tokens: int, completion_tokens: int) -> None:
    """Replace a reservation by what the call cost."""
    Spend.objects.filter(pk=number, state=Spend.RESERVED).update(
        state=Spend.SETTLED,
        amount=prices.dollars(nano),
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
    )


def release(number: int) -> None:
    """Give a reservation back: the call cost nothing."""
    Spend.objects.filter(pk=number, state=Spend.RESERVED).update(state=Spend.RELEASED, amount=Decimal(0))


def accounts_of(user_id: int | None, now: datetime | None = None) -> list[Account]:
    """Return the budgets that count for a user today (only that of everybody for None)."""
    now = now or timezone.now()
    budgets = {
        budget.user_id: budget for budget in Budget.objects.filter(user=None) | Budget.objects.filter(user=user_id)
    }
    everybody = budgets.get(None)
    limit = everybody.daily_limit if everybody else settings.LLM_DAILY_BUDGET
    zone = everybody.time_zone if everybody else settings.TIME_ZONE
    found = [_account("everybody", limit, zone, now, {})]
    own = budgets.get(user_id) if user_id is not None else None
    if own is not None:
        found.append(_account("this user", own.daily_limit, own.time_zone, now, {"user_id": user_id}))
    return found


def _account(name: str, limit: Decimal, zone: str, now: datetime, who: dict[str, Any]) -> Account:
    day = day_in(zone, now)
    begin = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
    following = day + timedelta(days=1)
    end = datetime(following.year, following.month, following.day, tzinfo=ZoneInfo(zone))
    spent = Spend.objects.filter(created__gte=begin, created__lt=end, **who).aggregate(sum=Sum("amount"))["sum"]
    return Account(name, int(limit * prices.NANO), int((spent or Decimal(0)) * prices.NANO))
