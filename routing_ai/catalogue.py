"""The models in the tiers and the providers behind them, as the settings and the admin say."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from functools import cache, lru_cache

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from routing_ai.chosen import Chosen
from routing_ai.errors import NoModel
from routing_ai.models import TierModel
from routing_ai.policy.tiers import ORDER, Chains, Tier, TierSpec
from routing_ai.pricing import list_price
from routing_ai.providers import embedded
from routing_ai.providers.base import Provider
from routing_ai.providers.embedded import EmbeddedProvider
from routing_ai.providers.mock import MockProvider

log = logging.getLogger(__name__)

OPENROUTER = "https://openrouter.ai/api/v1"
OPENAI = "https://api.openai.com/v1"
# A paid model whose price nobody has stated is counted at this: dearer than most, so that budgets err on the safe side.
ASSUMED_IN, ASSUMED_OUT = Decimal(15), Decimal(75)
OWN = ("embedded", "mock")
CONTEXT = 128_000  # tokens, where no list says
# Milliseconds to the first token that each tier aims at.
LATENCY = {Tier.NANO: 500, Tier.FAST: 1_000, Tier.SMART: 2_000, Tier.GENIUS: 5_000}
# Models of no tier that are remembered with their prices: users name them.
UNLISTED, NAME_LIMIT = 256, 128

_providers: dict[str, Provider] = {}
chosen = Chosen()


def addresses() -> dict[str, tuple[str, str]]:
    """Return the address and the key of each endpoint that is configured, by its name."""
    found: dict[str, tuple[str, str]] = {}
    if settings.OPENROUTER_API_KEY:
        found["openrouter"] = (OPENROUTER, settings.OPENROUTER_API_KEY)
    if settings.OPENAI_BASE_URL or settings.OPENAI_API_KEY:
        found["openai"] = (settings.OPENAI_BASE_URL or OPENAI, settings.OPENAI_API_KEY)
    for name, address in settings.AURA_ENDPOINTS.items():
        found[name] = (address, settings.AURA_ENDPOINT_KEYS.get(name, ""))
    return found


def names() -> list[str]:
    """Return the names of the providers that can be asked, as `provider` takes them."""
    own = OWN if settings.ALLOW_MOCK_LLM else OWN[:1]
    return [*own, *addresses()]


def provider(name: str) -> Provider:
    """Return the one provider of that name in this process. Raises NoModel when it is not configured."""
    found = _providers.get(name)
    if found is None:
        found = _providers[name] = _make(name)
    return found


def prepare() -> None:
    """Make a provider of each endpoint that is configured, so that no question waits until its library is loaded."""
    for name in addresses():
        provider(name)


async def close() -> None:
    """Release connections and models, and forget the providers."""
    while _providers:
        await _providers.popitem()[1].aclose()


def _make(name: str) -> Provider:
    match name:
        case "embedded":
            return EmbeddedProvider()
        case "mock" if settings.ALLOW_MOCK_LLM:
            return MockProvider()
        case "mock":
            raise NoModel("The mock is off: set ALLOW_MOCK_LLM=true, or configure another model.")
    if name not in addresses():
        raise NoModel(f"The provider {name} is not configured: see docs/reference/models.md.")
    # A third of a second, for aiohttp: a server that has endpoints loads it when it starts (see `prepare`).
    from routing_ai.providers.openai_compatible import OpenAICompatibleProvider, Timeouts

    base_url, key = addresses()[name]
    return OpenAICompatibleProvider(
        name,
        base_url,
        key,
        timeouts=Timeouts(
            settings.AURA_CONNECT_TIMEOUT, settings.AURA_FIRST_TOKEN_TIMEOUT, settings.AURA_STALL_TIMEOUT
        ),
        continues=settings.AURA_CONTINUE_ANSWERS,
        limit_name="max_completion_tokens" if base_url.startswith(OPENAI) else "max_tokens",
    )


@cache
def chains() -> Chains:
    """Return the models of each tier, that which is asked first in front. A tier without one has the embedded model."""
    named = {
        Tier.NANO: settings.NANO_MODEL,
        Tier.FAST: settings.FAST_MODEL,
        Tier.SMART: settings.SMART_MODEL,
        Tier.GENIUS: settings.GENIUS_MODEL,
    }
    found: dict[Tier, Sequence[TierSpec]] = {}
    for tier in ORDER:
        rows = chosen.of(tier)
        if rows:
            found[tier] = [_from_row(tier, row) for row in rows]
        else:
            texts = [text.strip() for text in named[tier].split(",") if text.strip()]
            found[tier] = [spec(tier, text) for text in texts or [""]]
    return found


def tiers() -> dict[Tier, TierSpec]:
    """Return the model that each tier asks first."""
    return {tier: specs[0] for tier, specs in chains().items()}


def specs() -> list[TierSpec]:
    """Return every model of every tier."""
    return [one for chain in chains().values() for one in chain]


def named(model: str) -> list[TierSpec]:
    """Return the models with that name (or `provider:name`), cheapest tier first; those of no tier too, if an endpoint is
    configured that may know them. Empty when nothing can be meant."""
    found = [one for one in specs() if model in (one.model, f"{one.provider}:{one.model}")]
    if found:
        return found[:1]
    if len(model) > NAME_LIMIT or not model.isprintable():
        return []
    name, rest = _provider_and_model(model)
    if "@" in model or not rest or name in OWN or name not in addresses() or not settings.AURA_OPEN_MODELS:
        return []
    return [_unlisted(model)]


def asked(model: str) -> list[TierSpec]:
    """Return the models that a name stands for which is no tier's. Raises NoModel."""
    found = named(model)
    if not found:
        known = "use auto, nano, fast, smart or genius, or a model that GET /v1/models lists"
        raise NoModel(f"There is no tier called {model[:NAME_LIMIT]!r}, and no model: {known}.")
    return found


@lru_cache(maxsize=UNLISTED)
def _unlisted(model: str) -> TierSpec:
    return spec(Tier.SMART, model)


@lru_cache(maxsize=UNLISTED)
def spec(tier: Tier, text: str) -> TierSpec:
    """Read `model`, `provider:model` or either with `@in/out`, the prices in US dollars a million tokens."""
    text, _, prices = text.partition("@")
    name, model = _provider_and_model(text.strip())
    stated = bool(text.strip())
    latency = LATENCY[tier]
    if name in OWN:
        price_in, price_out = _prices(prices) if prices else (Decimal(0), Decimal(0))
        return TierSpec(
            tier, name, model or embedded.MODEL, price_in, price_out, embedded.CONTEXT, latency, True, stated
        )
    listed = list_price(name, model, addresses().get(name, ("", ""))[0])
    context = listed.context if listed and listed.context else CONTEXT
    if prices:
        price_in, price_out = _prices(prices)
        return TierSpec(tier, name, model, price_in, price_out, context, latency)
    if listed:
        return TierSpec(tier, name, model, listed.price_in, listed.price_out, context, latency)
    log.warning("no price is stated for %s: it counts as $%s/$%s a million tokens", model, ASSUMED_IN, ASSUMED_OUT)
    return TierSpec(tier, name, model, ASSUMED_IN, ASSUMED_OUT, context, latency, priced=False)


def _prices(text: str) -> tuple[Decimal, Decimal]:
    first, _, second = text.partition("/")
    try:
        price_in, price_out = Decimal(first), Decimal(second or first)
    except InvalidOperation:
        raise ImproperlyConfigured(f"@{text} is no price: write @IN/OUT in US dollars a million tokens.") from None
    if price_in < 0 or price_out < 0:
        raise ImproperlyConfigured(f"@{text}: a price cannot be negative.")
    return price_in, price_out


def _from_row(tier: Tier, row: TierModel) -> TierSpec:
    made = spec(tier, f"{row.provider}:{row.model}")
    if row.context:
        made = replace(made, context=row.context)
    if row.price_in is not None and row.price_out is not None:
        made = replace(made, price_in=row.price_in, price_out=row.price_out, priced=True)
    return replace(made, latency_ms=row.latency_ms) if row.latency_ms else made


def _provider_and_model(text: str) -> tuple[str, str]:
    first, colon, rest = text.partition(":")
    if colon and (first in (*OWN, "openrouter", "openai") or first in settings.AURA_ENDPOINTS):
        return first, rest
    if not text or text == "embedded":
        return "embedded", ""
    if settings.OPENROUTER_API_KEY:
        return "openrouter", text
    return "openai", text


def sees(spec: TierSpec) -> bool:
    """Return whether a model may be given pictures."""
    wanted = settings.AURA_PICTURES_FOR
    named = {spec.provider, spec.model, f"{spec.provider}:{spec.model}", "*"}
    try:
        return not named.isdisjoint(wanted) and provider(spec.provider).pictures
    except NoModel:
        return False


def refresh() -> None:
    """Take notice of the admin's choice of models, from time to time. Asks the database: call it in a thread."""
    before = chosen.version
    chosen.refresh()
    if chosen.version != before:
        chains.cache_clear()


def reset() -> None:
    """Forget what was read from the settings and the admin; providers that were made stay until `close`."""
    chosen.clear()
    chains.cache_clear()
    spec.cache_clear()
    _unlisted.cache_clear()
