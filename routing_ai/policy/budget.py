"""Budgets as arithmetic: may this be spent, and to which day does it belong."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Account:
    """One budget on one day, in 10^-9 US dollars: its limit, and what is spent or reserved already."""

    name: str
    limit: int
    used: int

    @property
    def left(self) -> int:
        return max(0, self.limit - self.used)


def refusing(accounts: Sequence[Account], amount: int) -> Account | None:
    """Return the first budget that the amount would pass, None when all admit it. Nothing is always admitted."""
    if not amount:
        return None
    return next((account for account in accounts if account.used + amount > account.limit), None)


def day_in(zone: str, now: datetime) -> date:
    """Return the day that `now` (aware) belongs to in a time zone; days of 23 and 25 hours are as the zone has them."""
    return now.astimezone(ZoneInfo(zone)).date()
