"""The events of a stream: chunks of text and, last, one end."""

from dataclasses import dataclass
from typing import Any, TypeAlias

from streaming.protocol.codes import FaultCode, Finish


@dataclass(frozen=True, slots=True)
class StreamChunk:
    """A piece of the text. `offset` rises by one from 0."""

    offset: int
    text: str


@dataclass(frozen=True, slots=True)
class StreamDone:
    """The end of a stream that ended well. Times in milliseconds, cost in 10^-9 US dollars.

    `check` is the CRC-32 of the whole text in UTF-8.
    """

    offset: int
    check: int = 0
    finish: Finish = Finish.STOP
    model: str = ""
    tier: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: int = 0
    first_token: int = 0
    duration: int = 0


@dataclass(frozen=True, slots=True)
class StreamFault:
    """The end of a stream that failed. `retry_after` in milliseconds, 0 for no advice."""

    offset: int
    code: FaultCode
    message: str
    retry_after: int = 0


StreamEvent: TypeAlias = StreamChunk | StreamDone | StreamFault
StreamEnd: TypeAlias = StreamDone | StreamFault


def describe(event: StreamEvent) -> dict[str, Any]:
    """Return an event as transports that speak JSON show it."""
    match event:
        case StreamChunk():
            return {"type": "chunk", "offset": event.offset, "text": event.text}
        case StreamDone():
            return {
                "type": "done",
                "offset": event.offset,
                "check": event.check,
                "finish": event.finish.name.lower(),
                "model": event.model,
                "tier": event.tier,
                "usage": {"prompt_tokens": event.prompt_tokens, "completion_tokens": event.completion_tokens},
                "cost_usd": f"{event.cost / 10**9:.9f}",
                "first_token_ms": event.first_token,
                "duration_ms": event.duration,
            }
    return {
        "type": "fault",
        "offset": event.offset,
        "code": event.code.label,
        "message": event.message,
        "retry": event.code.retry,
        "retry_after_ms": event.retry_after,
    }
