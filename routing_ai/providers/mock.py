"""The mock: answers without a model, for tests and demonstrations of transport. Only with `ALLOW_MOCK_LLM=true`."""

import asyncio
import re
from collections.abc import AsyncGenerator

from routing_ai.policy.choice import text_of
from routing_ai.providers.base import Call, Part, Token, Usage

_SHAPE = re.compile(r"mock-(\d{1,5})-(\d{1,5})\Z")
_WORDS = [
    "the",
    "quick",
    "model",
    "speaks",
    "in",
    "short",
    "plain",
    "sentences",
    "so",
    "that",
    "a",
    "test",
    "can",
    "read",
    "them",
]


class MockProvider:
    """`mock-<words>-<gap>` streams that many words with that many milliseconds between; any other name echoes."""

    name = "mock"
    continues = True
    pictures = True

    async def stream(self, call: Call) -> AsyncGenerator[Part]:
        """Yield the answer; see `Provider`."""
        *before, last = call.messages
        begun = str(last.get("content", "")) if last.get("role") == "assistant" else ""
        asked = before[-1] if begun and before else last
        shape = _SHAPE.match(call.model)
        if shape:
            words, gap = words_of(int(shape[1])), int(shape[2]) / 1000
        else:
            gap = 0.0
            words = re.findall(r"\s*\S+|\s+$", text_of(asked))
        now = asyncio.get_running_loop().time
        gathered, size, until = "", 0, 0.0
        for number, word in enumerate(words[: call.max_tokens]):
            if len(word) <= len(begun):
                begun = begun[len(word) :]
                continue
            if number:
                await asyncio.sleep(gap)
            gathered += word[len(begun) :]
            begun = ""
            # The first word comes at once, as from an endpoint.
            if call.gather is None or len(gathered) >= size or now() >= until:
                yield Token(gathered)
                gathered = ""
                size, seconds = call.gather() if call.gather else (0, 0.0)
                until = now() + seconds
        if gathered:
            yield Token(gathered)
        prompt = sum(len(text_of(message).split()) for message in call.messages)
        finish = "length" if len(words) > call.max_tokens else "stop"
        yield Usage(finish, prompt, min(len(words), call.max_tokens))

    async def check(self) -> None:
        """The mock is always there."""

    async def aclose(self) -> None:
        """Nothing to release."""


def words_of(count: int) -> list[str]:
    """Return what `mock-<count>-...` says, word by word; joined they are the answer."""
    return [_word(number, count) for number in range(count)]


def _word(number: int, count: int) -> str:
    word = _WORDS[number % len(_WORDS)]
    if number % 8 == 0:
        word = word.capitalize()
    return ("" if not number else " ") + word + ("." if number % 8 == 7 or number == count - 1 else "")
