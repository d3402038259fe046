"""What models cost by their makers' lists: the data of `genai-prices`, which needs no network."""

from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit


class ListPrice(NamedTuple):
    """US dollars a million tokens of prompt and of answer, and the context in tokens (0 when the list does not say)."""

    price_in: Decimal
    price_out: Decimal
    context: int


@lru_cache(maxsize=1024)
def list_price(provider: str, model: str, base_url: str = "") -> ListPrice | None:
    """Return the list price of a model, None for one that no list has.

    Where the price rises with the length of the prompt, or the time of day, the highest counts: a budget must not be passed.
    A lookup takes a third of a millisecond and the first one half a second, so it is asked once for each model.
    """
    from genai_prices import Usage, calc_price

    for provider_id in _candidates(provider, base_url):
        try:
            found = calc_price(
                Usage(input_tokens=1_000_000, output_tokens=1_000_000), model_ref=model, provider_id=provider_id
            )
        except LookupError:
            continue
        price_in, price_out = _highest(found.model_price.input_mtok), _highest(found.model_price.output_mtok)
        if price_in is None or price_out is None:
            continue
        return ListPrice(price_in, price_out, found.model.context_window or 0)
    return None


def _candidates(provider: str, base_url: str) -> list[str]:
    """Return the lists to look in. A server of one's own is in none: what it runs has a price that only its owner knows."""
    host = urlsplit(base_url).hostname or ""
    known = {
        "openrouter.ai": "openrouter",
        "api.openai.com": "openai",
        "api.groq.com": "groq",
        "api.mistral.ai": "mistral",
        "api.together.xyz": "together",
        "api.fireworks.ai": "fireworks",
        "api.deepseek.com": "deepseek",
        "generativelanguage.googleapis.com": "google",
        "api.anthropic.com": "anthropic",
        "api.x.ai": "x-ai",
        "api.perplexity.ai": "perplexity",
    }
    if provider == "openrouter":
        return ["openrouter"]
    return [known[host]] if host in known else []


def _highest(price: object) -> Decimal | None:
    if isinstance(price, Decimal):
        return price
    base = getattr(price, "base", None)
    if not isinstance(base, Decimal):
        return None
    return max([base, *(tier.price for tier in getattr(price, "tiers", []))])
