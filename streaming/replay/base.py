"""What every replay store offers."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol
from uuid import UUID

from streaming.flow.events import StreamEvent

# Seconds that a note counts; whoever means it writes it again before.
NOTE_EXPIRY = 15.0


class Writer(Protocol):
    """The process that writes a stream, as seen from another one."""

    def cancel(self) -> None:
        """Ask it to end the stream as cancelled."""

    def leave(self, *, leaving: bool) -> None:
        """Say that nobody reads here any more: for good (`leaving`), or because the line broke."""


class Tail(Protocol):
    """What comes of a stream from the moment of its making."""

    async def take(self, patience: float) -> list[StreamEvent]:
        """Return the events that came, after at most `patience` seconds; none when none came."""
        ...


class Replay(Protocol):
    """The events of streams for readers in other processes, and who writes which stream.

    The record stays the truth: a store may lose everything, and then readers are served from the record. A writer is named
    by its process; it holds a stream as long as it renews its claim. Errors of the store are logged, not raised, except by
    `claim`.
    """

    process: str

    async def claim(self, name: UUID) -> bool:
        """Become the writer of a stream; return False when another process is. Raises OSError when nobody can tell."""
        ...

    async def release(self, name: UUID) -> None:
        """Be its writer no longer."""
        ...

    async def owner(self, name: UUID) -> str | None:
        """Return the process that writes the stream, None when none does."""
        ...

    async def append(self, name: UUID, epoch: int, events: Sequence[StreamEvent]) -> None:
        """Keep events of a stream and show them to its tails."""
        ...

    async def events(self, name: UUID, offset: int) -> list[StreamEvent]:
        """Return the kept events from `offset` on, maybe with a gap in front."""
        ...

    def tail(self, name: UUID) -> AbstractAsyncContextManager[Tail]:
        """Follow a stream."""
        ...

    async def tell(self, process: str, message: dict[str, Any]) -> None:
        """Send a message to a process; it may get lost."""
        ...

    async def note(self, name: UUID, text: str) -> None:
        """Let the other processes know something about a stream or topic, until NOTE_EXPIRY."""
        ...

    async def notes(self, name: UUID) -> list[str]:
        """Return what the other processes noted about it."""
        ...

    async def aclose(self) -> None:
        """Release connections."""
        ...
