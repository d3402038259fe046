"""The cost report: what was spent and what was saved against always asking the best tier."""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Count, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from routing_ai.models import Spend
from routing_ai.policy import prices
from routing_ai.policy.budget import bounds, day_in

# What a report may be grouped by, and the columns of its rows, of which the first names them.
GROUPS = {
    "day": ("day",),
    "user": ("user__username",),
    "tier": ("tier",),
    "model": ("model",),
    # Names of keys are not unique: the beginning of a key tells it from its namesakes.
    "key": ("api_key__name", "api_key", "api_key__prefix"),
}
ROWS = 1_000


@dataclass(frozen=True, slots=True)
class Row:
    """One line: its name, how many calls, tokens, US dollars spent, what the best tier would have cost."""

    name: str
    calls: int
    prompt_tokens: int
    completion_tokens: int
    spent: Decimal
    best: Decimal

    @property
    def saved(self) -> Decimal:
        """What asking the best tier each time would have cost more; never below nothing."""
        return max(Decimal(0), self.best - self.spent)


def costs(by: str, first: date, last: date, user_id: int | None = None) -> list[Row]:
    """Return the settled calls of the days from `first` to `last` (in AURA_TIME_ZONE), grouped; days in order, all else by
    what was spent. Raises KeyError for what cannot be grouped by."""
    columns = GROUPS[by]
    begin, end = bounds(settings.TIME_ZONE, first)[0], bounds(settings.TIME_ZONE, last)[1]
    spends = Spend.objects.filter(state=Spend.SETTLED, created__gte=begin, created__lt=end)
    if user_id is not None:
        spends = spends.filter(user=user_id)
    if by == "day":
        spends = spends.annotate(day=TruncDate("created", tzinfo=ZoneInfo(settings.TIME_ZONE)))
    sums: Any = spends.values(*columns).annotate(
        calls=Count("pk"),
        prompts=Sum("prompt_tokens"),
        completions=Sum("completion_tokens"),
        spent=Sum("nano"),
        best=Sum("best_nano"),
    )
    found = list(sums.order_by("day" if by == "day" else "-spent")[:ROWS])
    names = Counter(values[columns[0]] for values in found)
    for values in found:
        if by == "key" and names[values["api_key__name"]] > 1:
            values["api_key__name"] += f" ({values['api_key__prefix']})"
    rows = [_row(columns[0], values) for values in found]
    return _every_day(rows, first, last) if by == "day" else rows


def _row(column: str, values: dict[str, Any]) -> Row:
    return Row(
        str(values[column] or "-"),
        values["calls"],
        values["prompts"],
        values["completions"],
        prices.dollars(values["spent"]),
        prices.dollars(values["best"]),
    )


def _every_day(rows: Sequence[Row], first: date, last: date) -> list[Row]:
    """Return a row for each day, those without calls too: a chart must not hide them."""
    known = {row.name: row for row in rows}
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    nothing = Decimal(0)
    return [known.get(day.isoformat(), Row(day.isoformat(), 0, 0, 0, nothing, nothing)) for day in days]


def spent_ever() -> Decimal:
    """Return what all settled calls have cost, in US dollars."""
    return prices.dollars(Spend.objects.filter(state=Spend.SETTLED).aggregate(nano=Sum("nano"))["nano"] or 0)


def total(rows: Sequence[Row]) -> Row:
    """Return the sum of rows."""
    return Row(
        "",
        sum(row.calls for row in rows),
        sum(row.prompt_tokens for row in rows),
        sum(row.completion_tokens for row in rows),
        sum((row.spent for row in rows), Decimal(0)),
        sum((row.best for row in rows), Decimal(0)),
    )


def last_days(count: int, now: datetime | None = None) -> tuple[date, date]:
    """Return the first and the last of the last `count` days, today included."""
    today = day_in(settings.TIME_ZONE, now or timezone.now().astimezone(UTC))
    return today - timedelta(days=count - 1), today


def as_csv(by: str, rows: Sequence[Row]) -> str:
    """Return a report as CSV (RFC 4180). A name that a spreadsheet would take for a formula is written as text."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow([by, "calls", "prompt_tokens", "completion_tokens", "spent_usd", "always_best_usd", "saved_usd"])
    for row in rows:
        name = f"'{row.name}" if row.name[:1] in "=+-@\t\r" and row.name != "-" else row.name
        money = [f"{amount:f}" for amount in (row.spent, row.best, row.saved)]
        writer.writerow([name, row.calls, row.prompt_tokens, row.completion_tokens, *money])
    return file.getvalue()
