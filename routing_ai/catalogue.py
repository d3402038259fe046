"""The models in the tiers and the providers behind them, as the settings say."""

import logging
from decimal import Decimal
from functools import cache

from django.conf import settings

from routing_ai.errors import NoModel
from routing_ai.policy.tiers import Tier, TierSpec
from routing_ai.providers import embedded
from routing_ai.providers.base import Provider
from routing_ai.providers.embedded import EmbeddedProvider
from routing_ai.providers.mock import MockProvider
from routing_ai.providers.openai_compatible import OpenAICompatibleProvider

log = logging.getLogger(__name__)

OPENROUTER = "https://openrouter.ai/api/v1"
OPENAI = "https://api.openai.com/v1"
# A paid model whose price nobody has stated is counted at this: dearer than most, so that budgets err on the safe side.
ASSUMED_IN, ASSUMED_OUT = Decimal(15), Decimal(75)
PROVIDERS = ("embedded", "mock", "openrouter", "openai")


@cache
def provider(name: str) -> Provider:
    """Return the one provider of that name in this process. Raises NoModel when it is not configured."""
    match name:
        case "embedded":
            return EmbeddedProvider()
        case "mock" if settings.ALLOW_MOCK_LLM:
            return MockProvider()
        case "mock":
            raise NoModel("The mock is off: set ALLOW_MOCK_LLM=true, or configure another model.")
        case "openrouter" if settings.OPENROUTER_API_KEY:
            return OpenAICompatibleProvider(name, OPENROUTER, settings.OPENROUTER_API_KEY)
        case "openai" if settings.OPENAI_BASE_URL or settings.OPENAI_API_KEY:
            return OpenAICompatibleProvider(name, settings.OPENAI_BASE_URL or OPENAI, settings.OPENAI_API_KEY)
    raise NoModel(f"The provider {name} is not configured: see docs/reference/models.md.")


@cache
def tiers() -> dict[Tier, TierSpec]:
    """Return the tiers. A tier without a model of its own is answered by the embedded one."""
    named = {
        Tier.NANO: settings.NANO_MODEL,
        Tier.FAST: settings.FAST_MODEL,
        Tier.SMART: settings.SMART_MODEL,
        Tier.GENIUS: settings.GENIUS_MODEL,
    }
    return {tier: _spec(tier, model) for tier, model in named.items()}


def _spec(tier: Tier, text: str) -> TierSpec:
    """Read `model`, `provider:model` or either with `@in/out`, the prices in US dollars a million tokens."""
    text, _, prices = text.partition("@")
    name, model = _provider_and_model(text.strip())
    if name in ("embedded", "mock"):
        return TierSpec(tier, name, model or embedded.MODEL, Decimal(0), Decimal(0), embedded.CONTEXT)
    price_in, priced = ASSUMED_IN, False
    price_out = ASSUMED_OUT
    if prices:
        first, _, second = prices.partition("/")
        price_in, price_out, priced = Decimal(first), Decimal(second or first), True
    else:
        log.warning("no price is stated for %s: it counts as $%s/$%s a million tokens", model, price_in, price_out)
    return TierSpec(tier, name, model, price_in, price_out, 128_000, priced=priced)


def _provider_and_model(text: str) -> tuple[str, str]:
    first, colon, rest = text.partition(":")
    if colon and first in PROVIDERS:
        return first, rest
    if not text or text == "embedded":
        return "embedded", ""
    return ("openrouter" if settings.OPENROUTER_API_KEY else "openai"), text


def reset() -> None:
    """Forget what was read from the settings."""
    provider.cache_clear()
    tiers.cache_clear()
