"""Tiers of models: what each costs, and what answers in its place."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class Tier(StrEnum):
    """From the cheapest to the best."""

    NANO = "nano"
    FAST = "fast"
    SMART = "smart"
    GENIUS = "genius"


ORDER = (Tier.NANO, Tier.FAST, Tier.SMART, Tier.GENIUS)


@dataclass(frozen=True, slots=True)
class TierSpec:
    """A model in a tier. Prices are US dollars for a million tokens; `context` is in tokens, `latency_ms` a target for
    the first token. `priced` is False when the price is an assumption, not a fact."""

    tier: Tier
    provider: str
    model: str
    price_in: Decimal
    price_out: Decimal
    context: int = 8_192
    latency_ms: int = 1_000
    priced: bool = True

    @property
    def free(self) -> bool:
        return not self.price_in and not self.price_out


def cheaper(tier: Tier) -> tuple[Tier, ...]:
    """Return the tiers below one, the nearest first."""
    return tuple(reversed(ORDER[: ORDER.index(tier)]))
