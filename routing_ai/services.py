"""Asking a model: choose, reserve, stream, settle."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from channels.db import database_sync_to_async
from django.conf import settings

from routing_ai import answers, attempts, catalogue
from routing_ai.cache import CacheControl, cache
from routing_ai.errors import (
    BudgetExhausted,
    CannotContinue,
    ModelUnknown,
    NoModel,
    ProviderError,
    ProviderFailed,
    RoutingError,
)
from routing_ai.healing import Evidence, heal
from routing_ai.hybrid import engine
from routing_ai.keys import create_key, good_keys, revoke_key, save_new, verify_key
from routing_ai.leaving import set_redactor
from routing_ai.ledger import Order, ledger
from routing_ai.policy import prices
from routing_ai.policy.choice import Choice, choose, pictured, question
from routing_ai.policy.tiers import TierSpec, after_failure, at_first
from routing_ai.providers.base import Token, ToolCalls
from routing_ai.providers.embedded import EmbeddedProvider
from routing_ai.quality import get_metrics, monitor
from routing_ai.runs import Completed, Request, Run

__all__ = [
    "CacheControl",
    "Completed",
    "Request",
    "Token",
    "ToolCalls",
    "check_providers",
    "close_ledger",
    "complete",
    "create_key",
    "forget",
    "get_metrics",
    "good_keys",
    "hybrid",
    "keep_house",
    "prepare",
    "prime",
    "revoke_key",
    "save_new",
    "set_redactor",
    "verify_key",
]

log = logging.getLogger(__name__)

# Characters of a question above which it is looked at by a thread: it takes more than a millisecond.
LONG_QUESTION = 1_500
# Why a question with a picture is not asked; nothing has been spent then.
BLIND = "{who} takes no pictures: choose another one, or ask without the picture."
ALL_BLIND = "No model that is configured here takes pictures: ask without the picture."
NONE_ALLOWED = "This API key may ask none of the models that could answer."
TOO_DEAR = "money is short: a cheaper tier"
# The health below which a model waits until others have been asked.
FIT = 0.5
# Models asked for one question, at most.
MODELS_LIMIT = 4


async def complete(request: Request) -> AsyncGenerator[Token | ToolCalls | Completed]:
    """Yield the answer as it comes, and last how it ended.

    A tier that the budgets do not admit gives way to a cheaper one. A model that fails before its first token is asked
    again, then gives way to another of its tier, of a better tier, of a cheaper one. Raises RoutingError. Closing the
    iterator ends the calls upstream and settles what was used.
    """
    if not catalogue.chosen.known:
        await database_sync_to_async(catalogue.refresh, thread_sensitive=False)()
    key = answers.key(request)
    if key:
        found = answers.known(key, request)
        if found is not None:
            async for known in answers.tell(request, found):
                yield known
            return
    plan = await _plan(request)
    while True:
        run = await _begun(request, plan)
        # Of two that were asked, the one that was faster.
        request.chosen(run.spec.model)
        texts: list[str] = []
        async with aclosing(run):
            # A failure after the first token is final: the reader has it.
            async for part in run.parts():
                if key and isinstance(part, Token):
                    texts.append(part.text)
                    # Who asks again may be answered.
                    key = b"" if part.refusal else key
                yield part
            # Waited for when the end is told: its entry on the record shares the commit.
            run.account()
            completed = _completed(run)
            _count(run, completed)
            if key and completed.finish == "stop":
                answers.keep(key, request, "".join(texts), completed)
            yield completed
            return


class _Plan:
    """Which models may be asked for one question, in which order, and which have been."""

    def __init__(self, choice: Choice, first: list[TierSpec], then: list[TierSpec]) -> None:
        self.choice = choice
        self._first = first
        self._then = then
        self._asked: set[tuple[str, str]] = set()

    def candidates(self) -> list[TierSpec]:
        """Return the models that may be asked next. Raises ProviderFailed when all that are left rest after failures."""
        specs = self._then if self._asked else self._first
        left = [spec for spec in specs if spec.name not in self._asked]
        awake = [spec for spec in left if not attempts.resting(spec.provider)]
        if left and not awake:
            wait = min(attempts.resting(spec.provider) for spec in left)
            names = ", ".join(sorted({spec.provider for spec in left}))
            raise ProviderFailed(
                f"{names} failed again and again and is left alone for now", retry_after=max(1.0, wait)
            )
        # Models that do badly now are asked when the others have been.
        awake.sort(key=lambda spec: monitor.health(spec.model) < FIT)
        return awake if len(self._asked) < MODELS_LIMIT else []

    def asked(self, spec: TierSpec) -> None:
        self._asked.add(spec.name)


def hybrid(request: Request) -> AsyncGenerator[Token | ToolCalls | Completed]:
    """Do as `complete`, with drafts of what comes next behind the words; see `routing_ai.hybrid`."""
    scope = "all" if settings.AURA_CACHE_SHARED else f"user {request.user_id}"
    return engine.run(complete(request), scope)


async def _plan(request: Request) -> _Plan:
    try:
        intelligent = settings.ENABLE_INTELLIGENT_ROUTING
        if request.model in ("", "auto") and intelligent and len(question(request.messages)) > LONG_QUESTION:
            choice = await asyncio.to_thread(choose, request.model, request.messages)
        else:
            choice = choose(request.model, request.messages, intelligent=intelligent)
    except ValueError:
        specs = catalogue.asked(request.model)
        if pictured(request.messages) and not any(map(catalogue.sees, specs)):
            raise NoModel(BLIND.format(who=f"The model {request.model[:128]!r}")) from None
        return _Plan(Choice(specs[0].tier, "asked for by name"), specs, specs)
    first, then = at_first(catalogue.chains(), choice.tier), after_failure(catalogue.chains(), choice.tier)
    # A key that is narrowed is not good for what would stand in, either.
    first, then = list(filter(request.allows, first)), list(filter(request.allows, then))
    if not first:
        raise NoModel(NONE_ALLOWED)
    if request.begun:
        first, then = _continuing(first), _continuing(then)
        if not first:
            raise CannotContinue("The server stopped in mid-answer. Please ask again.")
    if pictured(request.messages):
        choice, first, then = _seeing(choice, first, then)
    return _Plan(choice, first, then)


def _seeing(
    choice: Choice, first: list[TierSpec], then: list[TierSpec]
) -> tuple[Choice, list[TierSpec], list[TierSpec]]:
    """Return the choice, and of its models those that take pictures. A tier that was asked for is not put off with another
    one; where the router chose, another tier may answer. Raises NoModel."""
    first, then = list(filter(catalogue.sees, first)), list(filter(catalogue.sees, then))
    if choice.assessment is None and not any(spec.tier == choice.tier for spec in first):
        raise NoModel(BLIND.format(who=f"The tier {choice.tier.value}"))
    if not then:
        raise NoModel(ALL_BLIND)
    if not first:
        first = then[:1]
    return replace(choice, reason=f"{choice.reason}; with a picture"), first, then


def _continuing(specs: list[TierSpec]) -> list[TierSpec]:
    return [spec for spec in specs if catalogue.provider(spec.provider).continues]


async def _begun(request: Request, plan: _Plan) -> Run:
    """Return a call that has its first token. Raises RoutingError."""
    failure: ProviderError | None = None
    while True:
        candidates = plan.candidates()
        if not candidates:
            assert failure is not None
            if isinstance(failure, ModelUnknown) and request.by_name:
                raise NoModel(str(failure)) from failure
            raise failure
        try:
            return await _race(request, plan, candidates)
        except ProviderError as error:
            log.warning("the next model is asked: %s", error)
            failure = error
        except BudgetExhausted:
            if failure is None:
                raise
            raise failure from None


Starts = dict[asyncio.Future[None], Run]


async def _race(request: Request, plan: _Plan, candidates: list[TierSpec]) -> Run:
    """Ask the first model that the budgets admit, and, when it is slow and that is wanted, the next one too; return the one
    that speaks first."""
    hedge_after = settings.AURA_HEDGE_AFTER if request.hedge_after is None else request.hedge_after
    run = await _reserve(request, plan, candidates)
    if not hedge_after:
        await run.start()
        return run
    starts: Starts = {asyncio.ensure_future(run.start()): run}
    winner: Run | None = None
    try:
        done, _ = await asyncio.wait(starts, timeout=hedge_after)
        others = [spec for spec in candidates if spec.name != run.spec.name]
        if not done and others:
            try:
                second = await _reserve(request, plan, others)
            except RoutingError as error:
                log.info("no second model is asked: %s", error)
            else:
                starts[asyncio.ensure_future(second.start())] = second
        winner = await _first(starts)
        return winner
    finally:
        for start in starts:
            start.cancel()
        try:
            await asyncio.gather(*starts, return_exceptions=True)
            for other in starts.values():
                if other is not winner:
                    await other.aclose()
        except BaseException:
            # Cancelled meanwhile: nobody will have the winner.
            if winner is not None:
                await winner.aclose()
            raise


async def _first(starts: Starts) -> Run:
    waiting = set(starts)
    failure: BaseException | None = None
    while waiting:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for start in done:
            failure = start.exception()
            if failure is None:
                return starts[start]
    assert failure is not None
    raise failure


async def _reserve(request: Request, plan: _Plan, specs: list[TierSpec]) -> Run:
    order = Order(request.user_id, request.stream, plan.choice.reason, request.key_id)
    run = await Run.reserved(request, order, specs)
    plan.asked(run.spec)
    request.chosen(run.spec.model)
    wanted = plan.choice.tier
    if run.spec.tier != wanted:
        # What comes first of those that may be asked is passed over for its price alone.
        dear = specs[0].tier == wanted
        run.notes.append(TOO_DEAR if dear else f"{wanted.value} could not answer")
    return run


def _count(run: Run, completed: Completed) -> None:
    """Tell the monitor how an answer went."""
    seconds = (completed.duration_ms - completed.first_token_ms) / 1000
    monitor.answered(
        run.spec.model,
        target_ms=run.spec.latency_ms,
        first_token_ms=completed.first_token_ms,
        tokens=completed.completion_tokens,
        seconds=max(seconds, 0.001),
    )


def _completed(run: Run) -> Completed:
    prompt, completion = run.counts()
    now = time.monotonic()
    return Completed(
        model=run.spec.model,
        tier=run.spec.tier.value,
        finish=run.usage.finish if run.usage else "stop",
        prompt_tokens=prompt,
        completion_tokens=completion,
        cost_nano=prices.cost_nano(run.spec, prompt, completion),
        first_token_ms=round(((run.first_token or now) - run.begun) * 1000),
        duration_ms=round((now - run.begun) * 1000),
        reason=run.reason,
    )


def continues(model: str, messages: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether an answer that breaks off can be gone on with, by the tier that would be asked first."""
    try:
        spec = catalogue.tiers()[choose(model, messages, intelligent=settings.ENABLE_INTELLIGENT_ROUTING).tier]
        return catalogue.provider(spec.provider).continues
    except (ValueError, RoutingError):
        return False


async def prime(model: str, messages: Sequence[Mapping[str, Any]]) -> None:
    """Let a model that runs here read the messages before a question that is still being spoken. Nothing is answered,
    nothing leaves the machine, and nothing is lost when it fails."""
    try:
        spec = catalogue.tiers()[choose(model, [{"role": "user", "content": ""}], intelligent=False).tier]
        provider = catalogue.provider(spec.provider)
        if isinstance(provider, EmbeddedProvider):
            await provider.prime(messages)
    except (ValueError, RoutingError) as error:
        log.debug("the model is not primed: %s", error)


async def check_providers() -> None:
    """Return when every tier can answer; raise RoutingError with what stands against it."""
    checked = set()
    for spec in catalogue.tiers().values():
        if spec.provider not in checked:
            await catalogue.provider(spec.provider).check()
            checked.add(spec.provider)


def prepare() -> None:
    """Load what the endpoints that are configured need; to be called before the first question."""
    catalogue.prepare()


async def warm_up() -> None:
    """Load the embedded model when a tier uses it, so that the first question does not wait for it."""
    try:
        await database_sync_to_async(catalogue.refresh, thread_sensitive=False)()
    except Exception:
        log.exception("the models of the tiers could not be read")
    if any(spec.provider == "embedded" for spec in catalogue.tiers().values()):
        try:
            await catalogue.provider("embedded").check()
        except RoutingError as error:
            log.warning("%s", error)


def keep_house(evidence: Evidence) -> None:
    """Stamp the reservations of this process and close those of processes that are gone; to be called about once a minute,
    in a thread. `evidence` says what the record has of their streams."""
    ledger().renew()
    heal(evidence)


def forget() -> None:
    """Forget what was answered: the cache of answers, and what drafts were learned from."""
    cache.clear()
    engine.forget()


def close_ledger() -> None:
    """Write what waits to be settled. Waits."""
    ledger().close()


async def close_providers() -> None:
    """Release connections and models."""
    await catalogue.close()
    catalogue.reset()
    attempts.breakers.clear()
