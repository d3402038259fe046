"""What every provider of models offers."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

# How many characters may gather, and for how many seconds, before they are handed on.
Gather: TypeAlias = Callable[[], tuple[int, float]]


@dataclass(frozen=True, slots=True)
class Call:
    """One question to a model. `extra` is passed through to the endpoint as it is (tools, response format, top_p).

    `temperature` None leaves it to the endpoint. `gather` says, whenever it is asked, how many characters may gather, and
    for how many seconds, so that they cost one visit to the layers above; the first words never wait.
    """

    model: str
    messages: Sequence[Mapping[str, Any]]
    max_tokens: int
    temperature: float | None = 0.7
    extra: Mapping[str, Any] = field(default_factory=dict)
    gather: Gather | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """Text as the model gives it; not always one token. `draft` is what it will probably say next, tentative until it says
    so, or something else: never on the record, counted or billed. With `refusal` it is how the model says that it will not
    answer, as its endpoint tells apart."""

    text: str
    draft: str = ""
    refusal: bool = False


@dataclass(frozen=True, slots=True)
class ToolCalls:
    """The tools that the model wants called, whole, in OpenAI's shape: id, type, function (name, arguments)."""

    calls: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Usage:
    """The end of an answer. `finish` is stop, length, tool_call or content_filter, empty for one that broke off before a
    word; counts are 0 when unknown."""

    finish: str = "stop"
    prompt_tokens: int = 0
    completion_tokens: int = 0

    @property
    def known(self) -> bool:
        return bool(self.prompt_tokens or self.completion_tokens)

    @property
    def of_answer(self) -> bool:
        """Return whether it ends an answer, even if that has no word: all of its tokens may have gone into thinking."""
        return bool(self.finish) and (self.finish != "stop" or self.completion_tokens > 0)


Part: TypeAlias = Token | ToolCalls | Usage


class Provider(Protocol):
    """Answers calls. Errors are those of `routing_ai.errors`."""

    name: str
    # Whether a last message of the assistant is gone on with, instead of answered.
    continues: bool
    # Whether pictures can be passed on; whether the model behind takes them is the operator's to say (AURA_PICTURES_FOR).
    pictures: bool

    def stream(self, call: Call) -> AsyncGenerator[Part]:
        """Yield the answer as it comes, and last its usage. Closing the iterator ends the call upstream at once."""
        ...

    async def check(self) -> None:
        """Return when the provider can answer now; raise what stands against it."""
        ...

    async def aclose(self) -> None:
        """Release connections and memory."""
        ...
