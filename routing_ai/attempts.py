"""Getting an answer to begin: tries before the first token, and the breaker of each provider."""

import asyncio
import logging
import random
import time
from collections import defaultdict
from collections.abc import AsyncGenerator

from django.conf import settings

from routing_ai import catalogue
from routing_ai.errors import ProviderError, ProviderFailed, ProviderTimeout
from routing_ai.policy import retry
from routing_ai.policy.breaker import Breaker
from routing_ai.policy.tiers import TierSpec
from routing_ai.providers.base import Call, Part, Usage

log = logging.getLogger(__name__)

breakers: defaultdict[str, Breaker] = defaultdict(Breaker)


class Attempt:
    """One call to one provider. `start` gets it to its first part, `parts` yields all of them, `aclose` ends it. `wasted` is
    what the endpoint counted for tries that came to nothing."""

    def __init__(self, provider: str, call: Call, breaker: Breaker) -> None:
        self._name = provider
        self._call = call
        self._breaker = breaker
        self._first: Part | None = None
        self._rest: AsyncGenerator[Part] | None = None
        self._trial = False
        self.wasted = Usage()

    async def start(self) -> None:
        """Return when the answer has begun. A failure that may pass is tried again, AURA_RETRIES times at most.

        Raises ProviderError.
        """
        attempt = 0
        while True:
            try:
                await self._try()
                return
            except ProviderError as error:
                attempt += 1
                # Who was silent for a whole time-out is not waited for once more.
                if not error.retry or isinstance(error, ProviderTimeout) or attempt > settings.AURA_RETRIES:
                    raise
                wait = retry.pause(attempt, random.random(), error.retry_after)
                if wait is None or self._breaker.resting(time.monotonic() + wait):
                    raise
                log.info("%s failed, it is asked again in %.2f s: %s", self._name, wait, error)
                await asyncio.sleep(wait)

    async def _try(self) -> None:
        breaker = self._breaker
        self._trial = breaker.begin(time.monotonic())
        rest = catalogue.provider(self._name).stream(self._call)
        try:
            first = await anext(rest)
            if isinstance(first, Usage) and not first.of_answer:
                prompt, completion = self.wasted.prompt_tokens, self.wasted.completion_tokens
                self.wasted = Usage("", prompt + first.prompt_tokens, completion + first.completion_tokens)
                raise ProviderFailed(f"{self._name} gave an empty answer")
        except BaseException as error:
            await rest.aclose()
            if isinstance(error, ProviderError) and error.retry:
                breaker.failed(time.monotonic(), trial=self._trial)
            elif isinstance(error, ProviderError):
                breaker.succeeded()  # it answers; what it refuses is this request
            raise
        self._first, self._rest = first, rest

    async def parts(self) -> AsyncGenerator[Part]:
        """Yield the answer after `start`. Raises ProviderError."""
        assert self._first is not None
        assert self._rest is not None
        yield self._first
        breaker = self._breaker
        try:
            async for part in self._rest:
                yield part
        except ProviderError:
            breaker.failed(time.monotonic(), trial=self._trial)
            raise
        breaker.succeeded()

    async def enough(self) -> None:
        """End the call upstream, whose answer is long enough: the endpoint works."""
        self._breaker.succeeded()
        await self.aclose()

    async def aclose(self) -> None:
        """End the call upstream, if it has not ended."""
        if self._rest is not None:
            await self._rest.aclose()


def breaker_of(spec: TierSpec) -> Breaker:
    """Return the breaker that counts how calls of a model go: its provider's, if the model belongs to a tier.

    A model that only its caller names counts for nobody else: by asking for models that fail, anybody with a key could keep
    a provider from everybody.
    """
    listed = any(spec.name == one.name for one in catalogue.specs())
    return breakers[spec.provider] if listed else Breaker()


def resting(provider: str) -> float:
    """Return the seconds for which a provider that keeps failing is left alone; 0 when it may be asked."""
    found = breakers.get(provider)
    return found.resting(time.monotonic()) if found is not None else 0.0
