"""Budgets as arithmetic: may this be spent, and to which day does it belong."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


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
    return now.astimezone(_zone(zone)).date()


def bounds(zone: str, day: date) -> tuple[datetime, datetime]:
    """Return when a day of a zone begins and when it ends (the beginning of the next), in UTC.

    Where the clocks jump over midnight, the day begins with the jump; where midnight comes twice, with the first.
    """
    return _midnight(zone, day), _midnight(zone, day + timedelta(days=1))


def _midnight(zone: str, day: date) -> datetime:
    # Both cases follow from fold=0 (PEP 495): a time in a gap is counted with the offset before it.
    return datetime(day.year, day.month, day.day, tzinfo=_zone(zone)).astimezone(UTC)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
