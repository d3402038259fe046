"""Reading tiers, budgets and spend."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.db import connection

from routing_ai import catalogue
from routing_ai.accounts import Book
from routing_ai.models import Budget, Spend
from routing_ai.policy import prices
from routing_ai.policy.budget import Account
from routing_ai.policy.tiers import Tier


def tiers() -> list[dict[str, Any]]:
    """Return the models of the tiers with their prices, that which is asked first in front."""
    return [asdict(spec) for spec in catalogue.specs()]


def choices() -> dict[str, dict[str, Any]]:
    """Return what a request may name: auto, the tiers, the models of the tiers; each with what is known of it."""
    found: dict[str, dict[str, Any]] = {"auto": {"provider": "aura", "about": "the tier that the question needs"}}
    for tier, spec in catalogue.tiers().items():
        found[tier.value] = {"provider": "aura", "model": spec.model}
    for spec in catalogue.specs():
        found.setdefault(
            spec.model,
            {
                "provider": spec.provider,
                "tier": spec.tier.value,
                "context": spec.context,
                "usd_per_million_in": str(spec.price_in),
                "usd_per_million_out": str(spec.price_out),
            },
        )
    return found


def check(name: str) -> None:
    """Raise NoModel for what a request may not name."""
    if name not in ("", "auto", *Tier):
        catalogue.asked(name)


def sees_pictures() -> bool:
    """Return whether any tier can be asked about a picture."""
    return any(map(catalogue.sees, catalogue.specs()))


def budgets_today(user_id: int | None = None, key_id: int | None = None) -> list[dict[str, Any]]:
    """Return the budgets that count for a user today, in US dollars: limit, used (reservations included), left."""
    with connection.cursor() as cursor:
        users, keys = [user_id] if user_id is not None else [], [key_id] if key_id is not None else []
        return [
            _words(account) for account in Book(connection, cursor, users, keys, reading=True).accounts(user_id, key_id)
        ]


def budget_today(budget: Budget) -> dict[str, Any]:
    """Return one budget today, as `budgets_today` does."""
    with connection.cursor() as cursor:
        return _words(Book(connection, cursor, reading=True).account_of(budget))


def _words(account: Account) -> dict[str, Any]:
    return {
        "name": account.name,
        "limit": prices.dollars(account.limit),
        "used": prices.dollars(account.used),
        "left": prices.dollars(account.left),
    }


def reason_of(user: Any, stream: UUID) -> str:
    """Return why that tier answered a stream of the user; empty when it is not known."""
    spends = Spend.objects.filter(user=user, stream=stream).exclude(reason="").order_by("-created")
    return str(spends.values_list("reason", flat=True).first() or "")
