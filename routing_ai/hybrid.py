"""Drafts beside the answer: what the model will probably say next, tentative until it says so, or something else."""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from routing_ai.policy.drafting import Drafting
from routing_ai.policy.predictor import NextTokenPredictor
from routing_ai.providers.base import Token, ToolCalls
from routing_ai.quality import monitor
from routing_ai.runs import Completed

# Scopes (users, or all together) whose predictors are kept.
SCOPES = 16
# Characters of an answer that are learned: bounds the work of one.
LEARNED = 20_000


class HybridStreamEngine:
    """Adds drafts to streams of answers and learns from them; one predictor a scope, so that nobody is shown what others
    were told."""

    def __init__(self) -> None:
        self._predictors: OrderedDict[str, NextTokenPredictor] = OrderedDict()
        self._learning = threading.Lock()

    def predictor(self, scope: str) -> NextTokenPredictor:
        """Return the predictor of a scope."""
        found = self._predictors.pop(scope, None) or NextTokenPredictor()
        self._predictors[scope] = found
        while len(self._predictors) > SCOPES:
            self._predictors.popitem(last=False)
        return found

    def forget(self) -> None:
        """Forget what was learned."""
        self._predictors.clear()

    def _learn(self, drafting: Drafting, text: str) -> None:
        # Some three microseconds a character: not on the loop, and one at a time.
        with self._learning:
            drafting.learn(text)

    async def run(
        self, parts: AsyncGenerator[Token | ToolCalls | Completed], scope: str
    ) -> AsyncGenerator[Token | ToolCalls | Completed]:
        """Yield all parts in order, the words as they are, with drafts behind them; closing it closes `parts`."""
        drafting = Drafting(self.predictor(scope))
        texts: list[str] = []
        async with aclosing(parts):
            async for part in parts:
                if isinstance(part, Token):
                    texts.append(part.text)
                    drafting.said(part.text)
                    yield replace(part, draft=drafting.draft())
                    continue
                yield part
                if isinstance(part, Completed):
                    drafting.end()
                    monitor.drafted(part.model, drafting.drafted, drafting.accepted)
                    await asyncio.to_thread(self._learn, drafting, "".join(texts)[:LEARNED])


engine = HybridStreamEngine()
