"""Summaries of turns: what lists and filters need of a stream without opening its texts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from audit.records.event import Event, Kind


@dataclass(slots=True)
class Summary:
    """One question and its answer. `at` is in microseconds, costs in 10^-9 US dollars, `methods` names with spaces between.

    `state` is open, done, cancelled or fault.
    """

    stream: UUID
    conversation: UUID
    at: int
    state: str = "open"
    model: str = ""
    tier: str = ""
    cost_nano: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    text_bytes: int = 0
    wire_bytes: int = 0
    methods: str = ""


def begin(event: Event) -> Summary:
    """Return the summary of a stream whose first event this is, with nothing applied yet."""
    return Summary(event.stream, event.conversation, event.at)


def apply(summary: Summary, event: Event) -> None:
    """Add an event to the summary of its stream; chunks and other kinds change nothing."""
    meta = event.meta
    match event.kind:
        case Kind.PROMPT | Kind.DELIVERY:
            summary.text_bytes += number(meta, "text_bytes")
            summary.wire_bytes += number(meta, "wire_bytes")
            found = meta.get("methods")
            names = set(found) if isinstance(found, dict) else {str(meta.get("method") or "")}
            summary.methods = " ".join(sorted(names.union(summary.methods.split()) - {""}))
        case Kind.DONE:
            summary.state = "cancelled" if meta.get("finish") == "cancelled" else "done"
            summary.model = str(meta.get("model", ""))
            summary.tier = str(meta.get("tier", ""))
            summary.cost_nano = number(meta, "cost")
            summary.prompt_tokens = number(meta, "prompt_tokens")
            summary.completion_tokens = number(meta, "completion_tokens")
        case Kind.FAULT:
            summary.state = "fault"


def number(meta: Mapping[str, Any], name: str) -> int:
    """Return a whole number among the details, 0 when there is none."""
    value = meta.get(name, 0)
    return value if isinstance(value, int) else 0
