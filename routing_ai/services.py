"""Asking a model: choose, reserve, stream, settle."""

import logging
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from channels.db import database_sync_to_async

from routing_ai import catalogue, ledger
from routing_ai.errors import NoModel, ProviderError, RoutingError
from routing_ai.keys import create_key, revoke_key, verify_key
from routing_ai.ledger import Order
from routing_ai.policy import prices
from routing_ai.policy.choice import Choice, choose
from routing_ai.policy.tiers import Tier, TierSpec, cheaper
from routing_ai.providers.base import Call, Token, Usage

__all__ = ["Completed", "Request", "Token", "check_providers", "complete", "create_key", "revoke_key", "verify_key"]

log = logging.getLogger(__name__)

DEFAULT_MAX_TOKENS = 1_024


@dataclass(frozen=True, slots=True)
class Request:
    """A question for the router. `model` is a tier's name, "auto" or empty; `extra` goes to the endpoint as it is."""

    user_id: int
    messages: Sequence[Mapping[str, Any]]
    model: str = ""
    stream: UUID | None = None
    max_tokens: int = DEFAULT_MAX_TOKENS
    temperature: float = 0.7
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Completed:
    """The end of an answer: who gave it, what it cost (10^-9 US dollars), how long it took, why that tier."""

    model: str
    tier: str
    finish: str
    prompt_tokens: int
    completion_tokens: int
    cost_nano: int
    first_token_ms: int
    duration_ms: int
    reason: str


class _Run:
    """One call and its reservation."""

    def __init__(self, request: Request, choice: Choice, spec: TierSpec, reservation: int) -> None:
        self.request = request
        self.choice = choice
        self.spec = spec
        self.reservation = reservation
        self.begun = time.monotonic()
        self.first_token: float | None = None
        self.size = 0
        self.usage: Usage | None = None

    async def parts(self) -> AsyncGenerator[Token]:
        """Yield the answer's text, and keep the accounts right whatever way it ends."""
        request = self.request
        call = Call(self.spec.model, request.messages, request.max_tokens, request.temperature, request.extra)
        try:
            async with aclosing(catalogue.provider(self.spec.provider).stream(call)) as parts:
                async for part in parts:
                    if isinstance(part, Usage):
                        self.usage = part
                    else:
                        self.first_token = self.first_token or time.monotonic()
                        self.size += len(part.text.encode())
                        yield part
        finally:
            await self._account()

    def counts(self) -> tuple[int, int]:
        """Return the tokens of prompt and answer: as reported, else as many as there can have been."""
        if self.usage is not None and (self.usage.prompt_tokens or self.usage.completion_tokens):
            return self.usage.prompt_tokens, self.usage.completion_tokens
        return prices.worst_prompt_tokens(self.request.messages), min(self.size, self.request.max_tokens)

    async def _account(self) -> None:
        if self.first_token is None and self.usage is None:
            await database_sync_to_async(ledger.release, thread_sensitive=False)(self.reservation)
            return
        prompt, completion = self.counts()
        cost = prices.cost_nano(self.spec, prompt, completion)
        await database_sync_to_async(ledger.settle, thread_sensitive=False)(self.reservation, cost, prompt, completion)

    def completed(self) -> Completed:
        """Return the end, after `parts` has come to its own."""
        prompt, completion = self.counts()
        now = time.monotonic()
        return Completed(
            model=self.spec.model,
            tier=self.spec.tier.value,
            finish=self.usage.finish if self.usage else "stop",
            prompt_tokens=prompt,
            completion_tokens=completion,
            cost_nano=prices.cost_nano(self.spec, prompt, completion),
            first_token_ms=round(((self.first_token or now) - self.begun) * 1000),
            duration_ms=round((now - self.begun) * 1000),
            reason=self.choice.reason,
        )


async def complete(request: Request) -> AsyncGenerator[Token | Completed]:
    """Yield the text of an answer as it comes, and last how it ended.

    A tier that the budgets do not admit gives way to a cheaper one; a provider that fails before its first token gives
    way to the next cheaper tier with another model. Raises RoutingError. Closing the iterator ends the call upstream
    and settles what was used.
    """
    try:
        choice = choose(request.model, request.messages)
    except ValueError:
        raise NoModel(f"There is no tier called {request.model!r}: use auto, nano, fast, smart or genius.") from None
    left = _candidates(choice.tier)
    while True:
        run = await _begin(request, choice, left)
        left = [spec for spec in left if (spec.provider, spec.model) != (run.spec.provider, run.spec.model)]
        try:
            async with aclosing(run.parts()) as parts:
                async for token in parts:
                    yield token
        except ProviderError as error:
            if run.first_token is not None or not left:
                raise
            log.warning("%s failed, the next model is asked: %s", run.spec.model, error)
            continue
        yield run.completed()
        return


def _candidates(tier: Tier) -> list[TierSpec]:
    """Return the models to try, that of the tier first, then those of cheaper tiers, each once."""
    tiers = catalogue.tiers()
    found: dict[tuple[str, str], TierSpec] = {}
    for candidate in (tier, *cheaper(tier)):
        spec = tiers[candidate]
        found.setdefault((spec.provider, spec.model), spec)
    return list(found.values())


async def _begin(request: Request, choice: Choice, specs: list[TierSpec]) -> _Run:
    worst = {spec: prices.worst_nano(spec, request.messages, request.max_tokens) for spec in specs}
    order = Order(request.user_id, request.stream, choice.reason)
    spec, number = await database_sync_to_async(ledger.reserve, thread_sensitive=False)(order, specs, worst)
    return _Run(request, choice, spec, number)


async def check_providers() -> None:
    """Return when every tier can answer; raise RoutingError with what stands against it."""
    checked = set()
    for spec in catalogue.tiers().values():
        if spec.provider not in checked:
            await catalogue.provider(spec.provider).check()
            checked.add(spec.provider)


async def warm_up() -> None:
    """Load the embedded model when a tier uses it, so that the first question does not wait for it."""
    if any(spec.provider == "embedded" for spec in catalogue.tiers().values()):
        try:
            await catalogue.provider("embedded").check()
        except RoutingError as error:
            log.warning("%s", error)


async def close_providers() -> None:
    """Release connections and models."""
    for name in {spec.provider for spec in catalogue.tiers().values()}:
        try:
            await catalogue.provider(name).aclose()
        except NoModel:
            continue
    catalogue.reset()
