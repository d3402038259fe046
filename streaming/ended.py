"""Streams that ended a moment ago, for readers who come back: memory spares them a visit to the record."""

import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from streaming.streams import Stream

# Seconds that a stream is kept, and bytes that all of them may take together; an event takes some beside its text.
EXPIRY = 30.0
LIMIT = 16 * 1024 * 1024
EVENT_COST = 128


@dataclass(frozen=True, slots=True)
class _Kept:
    stream: Stream
    cost: int
    until: float


class Ended:
    """The newest streams of this process that have ended, by (user, name)."""

    def __init__(self) -> None:
        self._streams: OrderedDict[tuple[int, UUID], _Kept] = OrderedDict()
        self._size = 0
        # What is erased is erased in a thread.
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._streams)

    def get(self, user_id: int, name: UUID) -> Stream | None:
        """Return that user's stream if it is kept."""
        kept = self._streams.get((user_id, name))
        return kept.stream if kept is not None else None

    def keep(self, stream: Stream) -> None:
        """Keep a stream for EXPIRY seconds, or until newer ones need its room."""
        cost = stream.size + stream.events_kept * EVENT_COST + len(stream.message.text.encode())
        key = (stream.owner_id, stream.name)
        with self._lock:
            self._drop(key)
            self._streams[key] = _Kept(stream, cost, time.monotonic() + EXPIRY)
            self._size += cost
            while self._size > LIMIT:
                self._drop(next(iter(self._streams)))

    def expire(self) -> None:
        """Let go of the streams whose time is over."""
        now = time.monotonic()
        with self._lock:
            while self._streams and next(iter(self._streams.values())).until < now:
                self._drop(next(iter(self._streams)))

    def forget(self, *, streams: Sequence[UUID], **_details: Any) -> None:
        """Let go of streams whose content was erased (see `audit.signals`). Other processes clear all, soon after."""
        gone = set(streams)
        with self._lock:
            for key in [key for key in self._streams if key[1] in gone]:
                self._drop(key)

    def clear(self) -> None:
        """Let go of all of them."""
        with self._lock:
            self._streams.clear()
            self._size = 0

    def _drop(self, key: tuple[int, UUID]) -> None:
        kept = self._streams.pop(key, None)
        if kept is not None:
            self._size -= kept.cost
