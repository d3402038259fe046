"""Tiers of models: what each costs, and what answers in its place."""

from collections.abc import Mapping, Sequence
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
    the first token. `priced` is False when the price is an assumption, not a fact; `stated` when somebody chose this model
    for the tier, and it does not just stand in."""

    tier: Tier
    provider: str
    model: str
    price_in: Decimal
    price_out: Decimal
    context: int = 8_192
    latency_ms: int = 1_000
    priced: bool = True
    stated: bool = True

    @property
    def free(self) -> bool:
        return not self.price_in and not self.price_out

    @property
    def name(self) -> tuple[str, str]:
        """What makes it one model, in whatever tier: its provider and its name there."""
        return self.provider, self.model


Chains = Mapping[Tier, Sequence[TierSpec]]


def cheaper(tier: Tier) -> tuple[Tier, ...]:
    """Return the tiers below one, the nearest first."""
    return tuple(reversed(ORDER[: ORDER.index(tier)]))


def better(tier: Tier) -> tuple[Tier, ...]:
    """Return the tiers above one, the nearest first."""
    return ORDER[ORDER.index(tier) + 1 :]


def at_first(chains: Chains, tier: Tier) -> list[TierSpec]:
    """Return the models to ask first, in order: those of the tier, then, where money is short, those of cheaper tiers."""
    return _distinct([chains[tier], *(chains[other] for other in cheaper(tier))])


def after_failure(chains: Chains, tier: Tier) -> list[TierSpec]:
    """Return the models to ask when others have failed: those of the tier, of better ones that were chosen on purpose (what
    fails is answered better, not worse, while the budget admits it), then of cheaper ones."""
    above = [[spec for spec in chains[other] if spec.stated] for other in better(tier)]
    return _distinct([chains[tier], *above, *(chains[other] for other in cheaper(tier))])


def _distinct(groups: Sequence[Sequence[TierSpec]]) -> list[TierSpec]:
    found: dict[tuple[str, str], TierSpec] = {}
    for group in groups:
        for spec in group:
            found.setdefault(spec.name, spec)
    return list(found.values())
