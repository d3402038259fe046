"""Transcripts: the events of a conversation folded into turns that a person reads."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from audit.records.event import NOWHERE, SYSTEM, Event, Kind
from audit.records.summary import number


@dataclass(slots=True)
class Turn:
    """What one side said. `state` is open, done, cancelled or fault; costs are in 10^-9 US dollars, times in microseconds.

    `after` is the stream of the question that a question stands behind, None for one at the beginning (records.branches).
    `text_bytes` and `wire_bytes` sum what was sent to clients (or by them, for the user), `methods` counts its payloads.
    """

    role: str
    stream: UUID
    at: int
    text: str = ""
    epoch: int = 1
    next_offset: int = 0
    state: str = "open"
    model: str = ""
    tier: str = ""
    finish: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_nano: int = 0
    first_token_ms: int = 0
    duration_ms: int = 0
    text_bytes: int = 0
    wire_bytes: int = 0
    methods: dict[str, int] = field(default_factory=dict)
    fault: str = ""
    fault_code: str = ""
    actor: str = ""
    after: UUID | None = None


_NUMBERS = {
    "prompt_tokens": "prompt_tokens",
    "completion_tokens": "completion_tokens",
    "cost": "cost_nano",
    "first_token_ms": "first_token_ms",
    "duration_ms": "duration_ms",
}


def fold(events: Iterable[Event]) -> list[Turn]:
    """Return the turns of a conversation, from its events in the order of the record."""
    turns: list[Turn] = []
    answers: dict[UUID, Turn] = {}
    before: UUID | None = None
    for event in events:
        if event.kind in SYSTEM:
            continue
        if event.kind == Kind.PROMPT:
            turns.append(_question(event, before))
            before = event.stream
        answer = answers.get(event.stream)
        if answer is None:
            answer = answers[event.stream] = Turn("assistant", event.stream, event.at, epoch=event.epoch)
            turns.append(answer)
        _apply(answer, event)
    return turns


def _question(event: Event, before: UUID | None) -> Turn:
    meta = event.meta
    return Turn(
        "user",
        event.stream,
        event.at,
        text=event.text,
        epoch=event.epoch,
        state="done",
        actor=event.actor,
        text_bytes=number(meta, "text_bytes"),
        wire_bytes=number(meta, "wire_bytes"),
        methods={str(meta["method"]): 1} if meta.get("method") else {},
        after=_after(meta.get("after"), before),
    )


def _after(named: object, before: UUID | None) -> UUID | None:
    """Return what a question stands behind: the stream that it names, else the question before."""
    if not isinstance(named, str):
        return before
    found = UUID(named)
    return None if found == NOWHERE else found


def _apply(turn: Turn, event: Event) -> None:
    match event.kind:
        case Kind.CHUNK:
            turn.text += event.text
            turn.next_offset = event.offset + 1
        case Kind.DONE:
            turn.next_offset = event.offset + 1
            turn.finish = str(event.meta.get("finish", ""))
            turn.state = "cancelled" if turn.finish == "cancelled" else "done"
            turn.model = str(event.meta.get("model", ""))
            turn.tier = str(event.meta.get("tier", ""))
            for name, attribute in _NUMBERS.items():
                setattr(turn, attribute, number(event.meta, name))
        case Kind.FAULT:
            turn.next_offset = event.offset + 1
            turn.state = "fault"
            turn.fault = event.text
            turn.fault_code = str(event.meta.get("code", ""))
        case Kind.DELIVERY:
            turn.text_bytes += number(event.meta, "text_bytes")
            turn.wire_bytes += number(event.meta, "wire_bytes")
            methods = event.meta.get("methods")
            for name, count in methods.items() if isinstance(methods, dict) else ():
                if isinstance(count, int):
                    turn.methods[name] = turn.methods.get(name, 0) + count
