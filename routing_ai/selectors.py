"""Reading tiers, budgets and spend."""

from dataclasses import asdict
from typing import Any

from routing_ai import catalogue, ledger
from routing_ai.policy import prices


def tiers() -> list[dict[str, Any]]:
    """Return the tiers with their models and prices."""
    return [asdict(spec) for spec in catalogue.tiers().values()]


def budgets_today(user_id: int | None = None) -> list[dict[str, Any]]:
    """Return the budgets that count for a user today, in US dollars: limit, used (reservations included), left."""
    return [
        {
            "name": account.name,
            "limit": prices.dollars(account.limit),
            "used": prices.dollars(account.used),
            "left": prices.dollars(account.left),
        }
        for account in ledger.accounts_of(user_id)
    ]
