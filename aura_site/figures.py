"""Money among the figures of the record: as the ledger of spends has it, which the record may not ask itself."""

from datetime import date

from audit.charts import Costs
from routing_ai import reports


def costs(first: date, last: date) -> Costs:
    """Return what was spent: at all, and on each of those days."""
    days = reports.costs("day", first, last)
    return Costs(float(reports.spent_ever()), {date.fromisoformat(row.name): float(row.spent) for row in days})
