"""Figures and charts of the record: drawn on the server as SVG, since the pages allow no inline script or style."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count
from django.utils import timezone

from audit.models import Checkpoint, Conversation, Entry, Flag, Review, Rule, Summary

DAYS = 30
WIDTH, HEIGHT, FOOT, HEAD = 600, 120, 24, 22
# As many bars have room for labels of their own.
LABELLED = 8


@dataclass(frozen=True, slots=True)
class Costs:
    """US dollars that were spent: of all time, and of each day."""

    total: float
    days: Mapping[date, float]


_costs: Callable[[date, date], Costs] | None = None


def set_costs(costs: Callable[[date, date], Costs]) -> None:
    """Have money told by who keeps the accounts, between two days: what ended without an answer has no summary here, and may
    have cost something all the same. Whoever wires the apps together calls this."""
    global _costs  # noqa: PLW0603
    _costs = costs


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


def by_day(now: datetime | None = None) -> dict[date, int]:
    """Return the turns of each of the last DAYS days, days without any included."""
    today = timezone.localdate(now)
    days = {today - timedelta(days=number): 0 for number in range(DAYS - 1, -1, -1)}
    since = int(datetime.combine(min(days), datetime.min.time(), tzinfo=timezone.get_current_timezone()).timestamp())
    for at in Summary.objects.filter(at__gte=since * 1_000_000).values_list("at", flat=True).iterator():
        day = datetime.fromtimestamp(at / 1_000_000, timezone.get_current_timezone()).date()
        if day in days:
            days[day] += 1
    return days


def figures() -> dict[str, Any]:
    """Return what the dashboard shows; without money where nobody tells of it."""
    from django.utils.translation import gettext as _

    days = by_day()
    costs = _costs(min(days), max(days)) if _costs is not None else None
    charts = [chart(_("Questions a day"), [(f"{day:%Y-%m-%d}", turns) for day, turns in days.items()])]
    if costs is not None:
        spent = [(f"{day:%Y-%m-%d}", costs.days.get(day, 0.0)) for day in days]
        charts.append(chart(_("US dollars a day"), spent, "${:,.6f}"))
    flags = dict(Flag.objects.values_list("category").annotate(Count("pk")).order_by())
    statuses = dict(Review.objects.values_list("status").annotate(Count("pk")).order_by())
    head = Checkpoint.objects.order_by("-size").values_list("size", flat=True).first() or 0
    return {
        "conversations": Conversation.objects.count(),
        "turns": Summary.objects.count(),
        "cost": costs.total if costs is not None else None,
        "entries": Entry.objects.count(),
        "sealed": head,
        "reviews": [(label, statuses.get(status, 0), status) for status, label in Review.STATUSES],
        "charts": [*charts, chart(_("Flags"), [(str(label), flags.get(name, 0)) for name, label in Rule.CATEGORIES])],
    }
