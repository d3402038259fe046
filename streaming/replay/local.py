"""The store of a server that is one process: its streams are in its memory, and nobody else asks."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from streaming.flow.events import StreamEvent
from streaming.replay.base import Tail


class LocalReplay:
    """Claims always succeed, and nothing is kept: the record has all of it."""

    process = ""

    async def claim(self, name: UUID) -> bool:
        """Return True."""
        return True

    async def release(self, name: UUID) -> None:
        """Nobody else waits for it."""

    async def owner(self, name: UUID) -> str | None:
        """Return None: a stream that is not in this process is written by nobody."""
        return None

    async def append(self, name: UUID, epoch: int, events: Sequence[StreamEvent]) -> None:
        """Nobody else reads."""

    async def events(self, name: UUID, offset: int) -> list[StreamEvent]:
        """Return nothing."""
        return []

    @asynccontextmanager
    async def tail(self, name: UUID) -> AsyncGenerator[Tail]:
        """Follow a stream that nobody writes."""
        yield _Silence()

    async def tell(self, process: str, message: dict[str, Any]) -> None:
        """There is no other process."""

    async def note(self, name: UUID, text: str) -> None:
        """Nobody else asks."""

    async def notes(self, name: UUID) -> list[str]:
        """Return nothing."""
        return []

    async def aclose(self) -> None:
        """Nothing to release."""


class _Silence:
    async def take(self, patience: float) -> list[StreamEvent]:
        await asyncio.sleep(patience)
        return []
