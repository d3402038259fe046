"""What every provider of models offers."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Call:
    """One question to a model. `extra` is passed through to the endpoint as it is (tools, images, response format)."""

    model: str
    messages: Sequence[Mapping[str, Any]]
    max_tokens: int
    temperature: float = 0.7
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Token:
    """Text as the model gives it; not always one token."""

    text: str


@dataclass(frozen=True, slots=True)
class Usage:
    """The end of an answer. `finish` is stop, length, tool_call or content_filter; counts are 0 when unknown."""

    finish: str = "stop"
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Provider(Protocol):
    """Answers calls. Errors are those of `routing_ai.errors`."""

    name: str

    def stream(self, call: Call) -> AsyncGenerator[Token | Usage]:
        """Yield the answer as it comes, and last its usage. Closing the iterator ends the call upstream at once."""
        ...

    async def check(self) -> None:
        """Return when the provider can answer now; raise what stands against it."""
        ...

    async def aclose(self) -> None:
        """Release connections and memory."""
        ...
