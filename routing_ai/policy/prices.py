"""What a call costs, in whole 10^-9 US dollars, rounded up: a budget must not be passed by rounding."""

from collections.abc import Mapping, Sequence
from decimal import ROUND_CEILING, Decimal
from typing import Any

from routing_ai.policy.tiers import TierSpec

NANO = Decimal(10) ** 9
# No tokenizer makes more tokens than bytes, and the frame around a message costs a few more.
TOKENS_A_MESSAGE = 8


def cost_nano(spec: TierSpec, prompt_tokens: int, completion_tokens: int) -> int:
    """Return the cost of a call with that usage."""
    dollars = (spec.price_in * prompt_tokens + spec.price_out * completion_tokens) / 1_000_000
    return int((dollars * NANO).to_integral_value(ROUND_CEILING))


def worst_prompt_tokens(messages: Sequence[Mapping[str, Any]]) -> int:
    """Return a number of tokens that the messages cannot pass."""
    return sum(len(str(message.get("content", "")).encode()) + TOKENS_A_MESSAGE for message in messages)


def worst_nano(spec: TierSpec, messages: Sequence[Mapping[str, Any]], max_tokens: int) -> int:
    """Return what the call can cost at most; this is reserved before it."""
    return cost_nano(spec, worst_prompt_tokens(messages), max_tokens)


def dollars(nano: int) -> Decimal:
    """Return an amount in US dollars with nine digits."""
    return (Decimal(nano) / NANO).quantize(Decimal("0.000000001"))
