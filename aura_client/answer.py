"""An answer as it grows."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from aura_client.errors import Damaged, Refused


@dataclass(frozen=True, slots=True)
class End:
    """How an answer ended. Times in milliseconds, from the question on."""

    finish: str
    model: str
    tier: str
    prompt_tokens: int
    completion_tokens: int
    cost_usd: Decimal
    first_token_ms: int
    duration_ms: int

    @classmethod
    def of(cls, data: dict[str, Any]) -> "End":
        """Return the end that the event `done` of SSE and NDJSON describes."""
        usage = data["usage"]
        return cls(
            str(data["finish"]), str(data["model"]), str(data["tier"]), int(usage["prompt_tokens"]),
            int(usage["completion_tokens"]), Decimal(data["cost_usd"]), int(data["first_token_ms"]),
            int(data["duration_ms"]),
        )  # fmt: skip


def refusal(data: dict[str, Any]) -> Refused:
    """Return the error that an event `error` (SSE) or `fault` (NDJSON) describes."""
    after = data.get("retry_after_ms") or 0
    return Refused(
        str(data["code"]), str(data["message"]), retry=bool(data.get("retry")), retry_after=after / 1000 or None
    )


class Answer:
    """The answer to one question: `async for text in answer`, or `await answer.whole()`.

    Iterating yields each piece once, in order, however often the line broke in between, and raises what ended the answer
    (`AuraError`) if it did not end well. `text` is what has come so far; `end` is None until it has ended well. `stream`
    names the answer; with `position` another program can go on reading it.
    """

    def __init__(self, stream: UUID | None = None) -> None:
        self.stream = stream
        self._cancel: Callable[[], object] | None = None
        self.cancelled = False
        self.conversation: UUID | None = None
        self.epoch = 0
        self.offset = 0
        self.text = ""
        self.whole_text = True  # `text` begins where the answer does
        self.end: End | None = None
        self.error: BaseException | None = None
        self._changed = asyncio.Event()

    @property
    def position(self) -> str:
        """The place behind what has come, `stream:epoch:offset`; empty before the answer has begun."""
        return f"{self.stream.hex}:{self.epoch}:{self.offset}" if self.stream and self.epoch else ""

    @property
    def over(self) -> bool:
        return self.end is not None or self.error is not None

    def on_cancel(self, action: Callable[[], object]) -> None:
        """Say what `cancel` does."""
        self._cancel = action

    def cancel(self) -> None:
        """Ask the server to stop. What comes of it is the end of the answer."""
        if self._cancel is not None and not self.over:
            self.cancelled = True
            self._cancel()

    def opened(self, stream: UUID, epoch: int, conversation: UUID) -> None:
        """Note where the answer belongs."""
        self.stream, self.epoch, self.conversation = stream, epoch, conversation

    def check(self, data: dict[str, Any]) -> Damaged | None:
        """Return the error when the text is not the one that the event `done` vouches for."""
        if self.whole_text and "check" in data and zlib.crc32(self.text.encode()) != data["check"]:
            return Damaged("the answer does not fit its check")
        return None

    def add(self, text: str, offset: int) -> None:
        """Add a piece; `offset` is the place behind it."""
        self.text += text
        self.offset = offset
        self._changed.set()

    def finish(self, end: End | None, error: BaseException | None = None) -> None:
        """End the answer; only the first end counts."""
        if not self.over:
            self.end, self.error = (None, error) if error is not None else (end, None)
        self._changed.set()

    async def __aiter__(self) -> AsyncIterator[str]:
        seen = 0
        while True:
            if seen < len(self.text):
                text = self.text[seen:]
                seen = len(self.text)
                yield text
            elif self.error is not None:
                raise self.error
            elif self.end is not None:
                return
            else:
                self._changed.clear()
                await self._changed.wait()

    async def whole(self) -> str:
        """Return the whole text once it is there. Raises AuraError."""
        async for _ in self:
            pass
        return self.text
