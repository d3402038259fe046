"""Which tier answers: the one that was asked for, else the router's choice from the question, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from routing_ai.policy.classifier import Assessment, assess
from routing_ai.policy.tiers import Tier


@dataclass(frozen=True, slots=True)
class Choice:
    """A tier and the reason for it, in words for a person; `assessment` when the router chose."""

    tier: Tier
    reason: str
    assessment: Assessment | None = None


def choose(wanted: str, messages: Sequence[Mapping[str, Any]], *, intelligent: bool = True) -> Choice:
    """Return the tier for a question. `wanted` is a tier's name, or empty or "auto" for the router's choice.

    Without `intelligent` routing that is always FAST. Raises ValueError for any other word.
    """
    if wanted and wanted != "auto":
        return Choice(Tier(wanted), "asked for")
    if not intelligent:
        return Choice(Tier.FAST, "routing is off")
    assessment = assess(question(messages))
    return Choice(assessment.tier, f"need {assessment.need:.2f}: {', '.join(assessment.reasons)}", assessment)


def question(messages: Sequence[Mapping[str, Any]]) -> str:
    """Return the text of the last thing that the user said."""
    for message in reversed(messages):
        if message.get("role") == "user":
            return text_of(message)
    return text_of(messages[-1]) if messages else ""


def pictured(messages: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether a picture is among what was said."""
    contents = (message.get("content") for message in messages)
    parts = (part for content in contents if isinstance(content, list) for part in content)
    return any(isinstance(part, Mapping) and part.get("type") == "image_url" for part in parts)


def text_of(message: Mapping[str, Any]) -> str:
    """Return the text of a message, whose content may be a list of parts."""
    content = message.get("content")
    if isinstance(content, list):
        return "\n".join(str(part["text"]) for part in content if isinstance(part, Mapping) and "text" in part)
    return content if isinstance(content, str) else ""
