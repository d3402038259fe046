"""What coding saved: bytes of texts before and after, by user, model or day, from the summaries of turns."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple

from django.db.models import Count, F, Sum
from django.utils import timezone

from audit.models import Summary

#: The days that are looked at, today among them, and the rows that are shown, those with the most text.
DAYS: Final = 30
ROWS: Final = 50
#: What turns can be put together by, and the column that says it; a day is computed from the time.
GROUPS: Final[Mapping[str, str]] = {"user": "conversation__user__username", "model": "model", "day": ""}


_fetched: Callable[[date, date], Mapping[date, int]] | None = None


def set_fetched(fetched: Callable[[date, date], Mapping[date, int]]) -> None:
    """Have the bytes told that clients fetched to decode by, on each day between two. Whoever wires the apps together calls
    this."""
    global _fetched  # noqa: PLW0603
    _fetched = fetched


class Saved(NamedTuple):
    """Turns of one user, model or day: how many, the bytes of their texts, and those of what went over the wire for them;
    for a day also those that clients fetched of libraries and dictionaries."""

    whose: str
    turns: int
    text: int
    wire: int
    fetched: int = 0


def by(group: str) -> list[Saved]:
    """Return the turns of the last DAYS days whose bytes were measured, put together by one of GROUPS. Raises KeyError."""
    column = GROUPS[group]
    today = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    begin = today - timedelta(days=DAYS - 1)
    turns: Any = Summary.objects.filter(at__gte=_microseconds(begin), text_bytes__gt=0)
    sums: dict[str, Any] = {"turns": Count("pk"), "text": Sum("text_bytes"), "wire": Sum("wire_bytes")}
    if column:
        found = turns.values(whose=F(column)).annotate(**sums).order_by("-text", "whose")[:ROWS]
        return [Saved(row["whose"] or "", row["turns"], row["text"], row["wire"]) for row in found]
    rows = []
    fetched = _fetched(begin.date(), today.date()) if _fetched is not None else {}
    for number in range(DAYS):
        day = begin + timedelta(days=number)
        some = turns.filter(at__gte=_microseconds(day), at__lt=_microseconds(day + timedelta(days=1))).aggregate(**sums)
        row = Saved(f"{day:%Y-%m-%d}", some["turns"], some["text"] or 0, some["wire"] or 0, fetched.get(day.date(), 0))
        if row.turns or row.fetched:
            rows.append(row)
    return rows[::-1]


def _microseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)
