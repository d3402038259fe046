"""What a call costs, in whole 10^-9 US dollars, rounded up: a budget must not be passed by rounding."""

import json
from collections.abc import Mapping, Sequence
from decimal import ROUND_CEILING, Decimal
from typing import Any

from routing_ai.policy.tiers import TierSpec

NANO = Decimal(10) ** 9
# No tokenizer makes more tokens than bytes, and the frame around a message costs a few more.
TOKENS_A_MESSAGE = 8
# What an image costs depends on its size and the model: 85 to 1,500 tokens with most, some 37,000 with the dearest.
TOKENS_AN_IMAGE = 40_000
# What is named by its address or its number (a file, a film) may fill the longest context that there is.
TOKENS_A_FILE = 1_000_000


def cost_nano(spec: TierSpec, prompt_tokens: int, completion_tokens: int) -> int:
    """Return the cost of a call with that usage."""
    if spec.free:
        return 0
    dollars = (spec.price_in * prompt_tokens + spec.price_out * completion_tokens) / 1_000_000
    return int((dollars * NANO).to_integral_value(ROUND_CEILING))


def worst_prompt_tokens(messages: Sequence[Mapping[str, Any]], extra: Mapping[str, Any] | None = None) -> int:
    """Return a number of tokens that the messages, and the tools and other things in `extra`, cannot pass."""
    tokens = sum(_message(message) for message in messages)
    return tokens + (_size(extra) if extra else 0)


def _message(message: Mapping[str, Any]) -> int:
    content = message.get("content")
    others = {name: value for name, value in message.items() if name not in ("role", "content")}
    tokens = TOKENS_A_MESSAGE + (_size(others) if others else 0)
    if isinstance(content, str):
        return tokens + len(content.encode(errors="replace"))
    if isinstance(content, list):
        return tokens + sum(_part(part) for part in content)
    return tokens


def _part(part: Any) -> int:
    if isinstance(part, Mapping) and part.get("type") == "text":
        return len(str(part.get("text", "")).encode(errors="replace"))
    if isinstance(part, Mapping) and part.get("type") == "image_url":
        return TOKENS_AN_IMAGE
    if isinstance(part, Mapping) and part.get("type") in ("input_audio", "refusal"):
        return _size(part)
    return max(_size(part), TOKENS_A_FILE)


def _size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False, default=str).encode(errors="replace"))


def worst_nano(
    spec: TierSpec, messages: Sequence[Mapping[str, Any]], max_tokens: int, extra: Mapping[str, Any] | None = None
) -> int:
    """Return what the call can cost at most; this is reserved before it."""
    return cost_nano(spec, worst_prompt_tokens(messages, extra), max_tokens)


def told(amount: Decimal) -> str:
    """Return an amount for people: in groups of three digits, with two behind the point, and more, up to nine, where there
    is more to say."""
    whole, _, part = f"{amount:,.9f}".partition(".")
    return f"{whole}.{part.rstrip('0').ljust(2, '0')}"


def dollars(nano: int) -> Decimal:
    """Return an amount in US dollars with nine digits."""
    return (Decimal(nano) / NANO).quantize(Decimal("0.000000001"))
