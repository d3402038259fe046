"""Which tier answers: the one that was asked for, else a guess from the prompt, and why."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from routing_ai.policy.tiers import ORDER, Tier

# The learned classifier comes with the router; until then length and a few plain signs stand for difficulty.
SHORT, LONG = 60, 600
_HARD = re.compile(
    r"\b(prove|derive|why|analy[sz]e|compare|design|refactor|debug|optimi[sz]e|step by step|trade-?offs?)\b|```|[∑∫√]",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Choice:
    """A tier and the reason for it, in words for a person."""

    tier: Tier
    reason: str


def choose(wanted: str, messages: Sequence[Mapping[str, Any]]) -> Choice:
    """Return the tier for a question. `wanted` is a tier's name, or empty or "auto" for the router's choice.

    Raises ValueError for any other word.
    """
    if wanted and wanted != "auto":
        return Choice(Tier(wanted), "asked for")
    text = str(messages[-1].get("content", "")) if messages else ""
    steps = (len(text) > SHORT) + (len(text) > LONG) + bool(_HARD.search(text))
    reasons = [f"{len(text)} characters"]
    if _HARD.search(text):
        reasons.append("asks for reasoning")
    return Choice(ORDER[min(steps, 3)], ", ".join(reasons))
