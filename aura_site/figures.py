"""Among the figures of the record, what it may not ask itself: money, as the ledger of spends has it, and what clients
fetched of libraries and dictionaries."""

from datetime import date

from audit.charts import Costs
from compression.models import Fetched
from routing_ai import reports


def fetched(first: date, last: date) -> dict[date, int]:
    """Return the bytes of libraries and dictionaries that clients fetched, on each day between two."""
    return dict(Fetched.objects.filter(day__range=(first, last)).values_list("day", "size"))


def costs(first: date, last: date) -> Costs:
    """Return what was spent: at all, and on each of those days."""
    days = reports.costs("day", first, last)
    return Costs(float(reports.spent_ever()), {date.fromisoformat(row.name): float(row.spent) for row in days})
