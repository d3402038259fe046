"""One call and its reservation: whatever way it ends, the accounts are right afterwards."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from routing_ai import catalogue, leaving, tracing
from routing_ai.accounts import REASON_LIMIT
from routing_ai.attempts import Attempt, breaker_of
from routing_ai.cache import CacheControl
from routing_ai.errors import ProviderError, ProviderRefused, RoutingError
from routing_ai.ledger import Cost, Order, Reservation, ledger
from routing_ai.policy import prices
from routing_ai.policy.tiers import Tier, TierSpec
from routing_ai.providers.base import Call, Gather, Part, Token, ToolCalls, Usage
from routing_ai.quality import monitor

DEFAULT_MAX_TOKENS = 1_024
# Bytes that a token has at most on the average of an answer (words have some four), and room for a few long ones (lines of
# spaces or dashes are one token): what says more takes no notice of its limit.
TOKEN_BYTES, LONG_TOKENS_BYTES = 16, 256

log = logging.getLogger(__name__)


def _untold(_model: str) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True)
class Request:
    """A question for the router. `model` is a tier's name, a model's, "auto" or empty; `extra` goes to the endpoint as it
    is.

    `begun` is the beginning of an answer that broke off: it is gone on with, by models that can. `hedge_after` (seconds)
    asks a second model too when the first has said nothing by then; None is AURA_HEDGE_AFTER, 0 never. `cache` is what the
    request says of the cache of answers; None leaves it to the settings. `gather` is `Call.gather`. `ready` begins what must
    be done before a model is asked, or goes on with it: it is called in the moment in which money is reserved, so that both
    can be written as one. When it fails the answer fails with it. `chosen` is told which model is asked, once there is money
    for it, and whenever it is another one; before the first word, which one answers. `only` names the tiers and models that
    may answer, as a key does: empty stands for all, and "auto" in it for whatever the router chooses when it is asked to.
    """

    user_id: int
    messages: Sequence[Mapping[str, Any]]
    model: str = ""
    stream: UUID | None = None
    max_tokens: int = DEFAULT_MAX_TOKENS
    temperature: float | None = 0.7
    extra: Mapping[str, Any] = field(default_factory=dict)
    begun: str = ""
    key_id: int | None = None
    hedge_after: float | None = None
    cache: CacheControl | None = None
    gather: Gather | None = None
    ready: Callable[[], asyncio.Future[Any]] | None = None
    chosen: Callable[[str], None] = _untold
    only: frozenset[str] = frozenset()

    @property
    def all_messages(self) -> Sequence[Mapping[str, Any]]:
        """Return the messages as the model gets them."""
        return [*self.messages, {"role": "assistant", "content": self.begun}] if self.begun else self.messages

    @property
    def by_name(self) -> bool:
        """Return whether one model is asked for, and no tier."""
        return self.model not in ("", "auto", *Tier)

    def allows(self, spec: TierSpec) -> bool:
        """Return whether a model may answer."""
        names = {spec.tier.value, spec.model, f"{spec.provider}:{spec.model}"}
        if self.model in ("", "auto"):
            names.add("auto")
        return not (self.only and names.isdisjoint(self.only))


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


class Run:
    """`reserved`, then `start`, then `parts`, then `account`; `aclose` at any point ends the call and accounts for it."""

    def __init__(self, request: Request, reservation: Reservation) -> None:
        self.request = request
        self.spec = reservation.spec
        self.begun = time.monotonic()
        self.first_token: float | None = None
        self.usage: Usage | None = None
        # What is to be said of this answer behind why its tier was chosen.
        self.notes: list[str] = []
        self._reservation = reservation
        self._attempt: Attempt | None = None
        self._failed = False
        self._size = 0
        self._accounted: asyncio.Future[None] | None = None
        self._span = tracing.NO_SPAN

    @classmethod
    async def reserved(cls, request: Request, order: Order, specs: Sequence[TierSpec]) -> "Run":
        """Return a call of the first of `specs` that the budgets admit. Raises BudgetExhausted."""
        tokens = prices.worst_prompt_tokens(request.all_messages, request.extra)
        worst = {spec: prices.cost_nano(spec, tokens, request.max_tokens) for spec in specs}
        if request.ready is not None:
            request.ready()
        return cls(request, await ledger().reserve(order, specs, worst, request.max_tokens))

    async def start(self) -> None:
        """Return when the first token is there. Raises RoutingError; the reservation is released then, or settled with what
        the endpoint counted all the same; and settled with the price of the prompt when the caller is cancelled, because the
        endpoint may have read it."""
        await self._until_ready()
        self.begun = time.monotonic()
        self._span = tracing.begin(self.spec, self.request.max_tokens, self.request.temperature)
        try:
            await self._asked()
        except RoutingError as error:
            self._span.failed(error)
            # A wrong key or an unknown model is the endpoint's failure, too; a request that it refuses is not.
            if isinstance(error, ProviderError) and not isinstance(error, ProviderRefused):
                monitor.failed(self.spec.model, self.spec.latency_ms)
            self._failed = True
            await (self._settled() if any(self.counts()) else self._release())
            raise
        except BaseException:
            await self._settled()
            raise
        self.first_token = time.monotonic()
        self._span.first_token(self.first_token - self.begun)

    async def _until_ready(self) -> None:
        if self.request.ready is None:
            return
        try:
            await asyncio.shield(self.request.ready())
        except BaseException:
            # Nobody was asked anything yet.
            await self._release()
            raise

    async def _asked(self) -> None:
        request, spec = self.request, self.spec
        messages, redacted = await leaving.prepared(request.all_messages, spec.provider)
        if redacted:
            self.notes.append(leaving.NOTE)
        extra = await leaving.without_texts(request.extra, spec.provider)
        call = Call(spec.model, messages, request.max_tokens, request.temperature, extra, request.gather)
        self._attempt = Attempt(spec.provider, call, breaker_of(spec))
        await self._attempt.start()

    async def parts(self) -> AsyncGenerator[Token | ToolCalls]:
        """Yield the answer after `start`. One that goes on far beyond its limit, for which no room is reserved, is ended.
        Raises ProviderError."""
        assert self._attempt is not None
        limit = self.request.max_tokens * TOKEN_BYTES + LONG_TOKENS_BYTES
        async for part in self._parts(self._attempt):
            if isinstance(part, Usage):
                self.usage = part
                continue
            text = part.text if isinstance(part, Token) else str(part.calls)
            self._size += len(text.encode())
            yield part
            if self._size > limit and not self.spec.free:
                log.warning("%s takes no notice of max_tokens: its answer is ended", self.spec.provider)
                self.usage = Usage("length")
                await self._attempt.enough()
                return

    async def _parts(self, attempt: Attempt) -> AsyncGenerator[Part]:
        try:
            async for part in attempt.parts():
                yield part
        except ProviderError as error:
            monitor.failed(self.spec.model, self.spec.latency_ms)
            self._span.failed(error)
            raise

    async def aclose(self) -> None:
        """End the call upstream and settle what it used, unless that is done."""
        try:
            if self._attempt is not None:
                await self._attempt.aclose()
        finally:
            await self._settled()

    async def _settled(self) -> None:
        """Return when the call is accounted for. What cannot be written is left to `healing`: the answer is what it is."""
        try:
            await asyncio.shield(self.account())
        except Exception:
            log.exception("a settlement is left to healing")

    @property
    def reason(self) -> str:
        """Return why this model answered. The notes are whole, even where the ledger has no room for all else."""
        notes = "".join(f"; {note}" for note in self.notes)
        return self._reservation.order.reason[: REASON_LIMIT - len(notes)] + notes

    def counts(self) -> tuple[int, int]:
        """Return the tokens of prompt and answer: as reported, else as many as there can have been; and those of tries that
        came to nothing."""
        prompt, completion = (0, 0) if self._failed else self._counted()
        wasted = self._attempt.wasted if self._attempt is not None else Usage()
        return prompt + wasted.prompt_tokens, completion + wasted.completion_tokens

    def _counted(self) -> tuple[int, int]:
        if self.usage is not None and self.usage.known:
            return self.usage.prompt_tokens, self.usage.completion_tokens
        prompt = prices.worst_prompt_tokens(self.request.all_messages, self.request.extra)
        return prompt, min(self._size, self.request.max_tokens)

    def account(self) -> "asyncio.Future[None]":
        """Settle what was used, once. What is returned is done when that is durable, whether or not somebody waits."""
        if self._accounted is not None:
            return self._accounted
        prompt, completion = self.counts()
        best = catalogue.tiers()[Tier.GENIUS]
        nano = prices.cost_nano(self.spec, prompt, completion)
        cost = Cost(
            nano,
            prices.cost_nano(best, prompt, completion),
            prompt,
            completion,
            # Of a call that never spoke there is nothing to say but why it was made.
            self.reason if self.first_token is not None else "",
        )
        monitor.spent(self.spec.model, prompt, nano)
        self._span.end(prompt, completion, self.usage.finish if self.usage else "", nano)
        self._accounted = ledger().settle(self._reservation, cost)
        return self._accounted

    async def _release(self) -> None:
        self._accounted = asyncio.get_running_loop().create_future()
        self._accounted.set_result(None)
        await ledger().release(self._reservation)
