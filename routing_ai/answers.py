"""The cache of answers, as requests meet it: who may use it, what it keeps, and how an answer comes out of it."""

from collections.abc import AsyncGenerator

from django.conf import settings

from routing_ai import catalogue
from routing_ai.accounts import Cost, Order
from routing_ai.cache import Cached, cache, key_of
from routing_ai.ledger import Reservation, ledger
from routing_ai.policy import prices
from routing_ai.policy.tiers import Tier, TierSpec
from routing_ai.providers.base import Token
from routing_ai.quality import monitor
from routing_ai.runs import Completed, Request

REASON = "the same was asked before"
# Characters that come out at once, and go on the record in one commit.
PIECE = 4_096


def key(request: Request) -> bytes:
    """Return the key under which a request may be answered from the cache; empty for one that may not.

    By itself that is one that asks for no chance (temperature 0); with AURA_CACHE_ALL, or where the request says so by
    Cache-Control, any. Calls of tools are never kept.
    """
    if settings.AURA_CACHE_LIFE <= 0 or request.begun or not request.messages or request.extra.get("tools"):
        return b""
    said = request.cache
    if said is not None and said.no_store:
        return b""
    wanted = said is not None and (said.max_age is not None or said.no_cache)
    if not (wanted or settings.AURA_CACHE_ALL or request.temperature == 0):
        return b""
    scope = "all" if settings.AURA_CACHE_SHARED else f"user {request.user_id}"
    shape = {"model": request.model, "limit": request.max_tokens, "warmth": request.temperature, "extra": request.extra}
    if request.only:
        # What another model answered for a key that may ask it is not for a key that may not.
        shape["only"] = sorted(request.only)
    return key_of(scope, shape, request.messages)


def known(name: bytes, request: Request) -> Cached | None:
    """Return the answer that is kept under that key, if the request takes it."""
    return cache.get(name, request.cache)


def keep(name: bytes, request: Request, text: str, completed: Completed) -> None:
    """Keep an answer that came to its end."""
    if text:
        kept = Cached(
            text, completed.model, completed.tier, completed.prompt_tokens, completed.completion_tokens, 0.0, 0.0
        )
        cache.put(name, kept, settings.AURA_CACHE_LIFE, request.cache)


async def tell(request: Request, found: Cached) -> AsyncGenerator[Token | Completed]:
    """Yield a kept answer, and its end; it costs nothing, and the ledger says what the best tier would have cost."""
    monitor.hit(found.model)
    request.chosen(found.model)
    for start in range(0, len(found.text), PIECE):
        yield Token(found.text[start : start + PIECE])
    best = catalogue.tiers()[Tier.GENIUS]
    spared = prices.cost_nano(best, found.prompt_tokens, found.completion_tokens)
    spec = TierSpec(Tier(found.tier), "cache", found.model, best.price_in * 0, best.price_out * 0)
    order = Order(request.user_id, request.stream, REASON, request.key_id)
    cost = Cost(0, spared, found.prompt_tokens, found.completion_tokens)
    settled = ledger().settle(Reservation(order, spec, 0), cost)
    try:
        yield Completed(
            model=found.model,
            tier=found.tier,
            finish="stop",
            prompt_tokens=found.prompt_tokens,
            completion_tokens=found.completion_tokens,
            cost_nano=0,
            first_token_ms=0,
            duration_ms=0,
            reason=REASON,
        )
    finally:
        await settled
