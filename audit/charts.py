"""Figures and charts of the record: drawn on the server as SVG, since the pages allow no inline script or style."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count, Sum
from django.utils import timezone

from audit.models import Checkpoint, Conversation, Entry, Flag, Review, Rule, Summary

DAYS = 30
WIDTH, HEIGHT, FOOT, HEAD = 600, 120, 24, 22
# As many bars have room for labels of their own.
LABELLED = 8


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of a chart, in the units of its SVG, with what it stands for."""

    x: float
    middle: float
    y: float
    width: float
    height: float
    label: str
    value: str

    @property
    def over(self) -> float:
        """Where a text stands on top of it."""
        return self.y - 4


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart of bars."""

    title: Any
    bars: list[Bar]
    first: str
    last: str
    top: str
    # Whether each bar has its label and its value beside it; else the ends and the largest have.
    labelled: bool
    width: int = WIDTH
    height: int = HEIGHT + FOOT
    base: int = HEIGHT

    @property
    def foot(self) -> int:
        return self.height - 5


def chart(title: Any, values: Sequence[tuple[str, float]], form: str = "{:,.0f}") -> Chart:
    """Return the chart of values with their labels; the largest fills the height."""
    highest = max((value for _, value in values), default=0)
    top = highest or 1
    step = WIDTH / max(1, len(values))
    bars = [
        Bar(
            round(number * step + 1, 1),
            round((number + 0.5) * step, 1),
            round(HEIGHT - value / top * (HEIGHT - HEAD), 1),
            round(max(1.0, step - 2), 1),
            round(value / top * (HEIGHT - HEAD), 1),
            label,
            form.format(value),
        )
        for number, (label, value) in enumerate(values)
    ]
    first, last = (values[0][0], values[-1][0]) if values else ("", "")
    return Chart(title, bars, first, last, form.format(highest), labelled=len(values) <= LABELLED)


def by_day(now: datetime | None = None) -> dict[date, tuple[int, float]]:
    """Return turns and US dollars of each of the last DAYS days, days without any included."""
    today = (now or timezone.now()).date()
    days = {today - timedelta(days=number): (0, 0.0) for number in range(DAYS - 1, -1, -1)}
    since = int(datetime.combine(min(days), datetime.min.time(), tzinfo=timezone.get_current_timezone()).timestamp())
    for at, cost in Summary.objects.filter(at__gte=since * 1_000_000).values_list("at", "cost_nano").iterator():
        day = datetime.fromtimestamp(at / 1_000_000, timezone.get_current_timezone()).date()
        if day in days:
            turns, dollars = days[day]
            days[day] = turns + 1, dollars + cost / 1e9
    return days


def figures() -> dict[str, Any]:
    """Return what the dashboard shows."""
    from django.utils.translation import gettext as _

    days = by_day()
    flags = dict(Flag.objects.values_list("category").annotate(Count("pk")).order_by())
    statuses = dict(Review.objects.values_list("status").annotate(Count("pk")).order_by())
    totals = Summary.objects.aggregate(turns=Count("pk"), cost=Sum("cost_nano"))
    head = Checkpoint.objects.order_by("-size").values_list("size", flat=True).first() or 0
    return {
        "conversations": Conversation.objects.count(),
        "turns": totals["turns"],
        "cost": (totals["cost"] or 0) / 1e9,
        "entries": Entry.objects.count(),
        "sealed": head,
        "reviews": [(label, statuses.get(status, 0), status) for status, label in Review.STATUSES],
        "charts": [
            chart(_("Questions a day"), [(f"{day:%Y-%m-%d}", turns) for day, (turns, _cost) in days.items()]),
            chart(
                _("US dollars a day"), [(f"{day:%Y-%m-%d}", cost) for day, (_turns, cost) in days.items()], "${:,.6f}"
            ),
            chart(_("Flags"), [(str(label), flags.get(name, 0)) for name, label in Rule.CATEGORIES]),
        ],
    }
