"""The streams that this process is writing now."""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator
from uuid import UUID

from django.conf import settings

from audit.journal import journal
from streaming.errors import Draining, TooManyStreams
from streaming.messages import Message
from streaming.recorded import INTERRUPTED
from streaming.streams import Stream

log = logging.getLogger(__name__)


class Registry:
    """Streams by (user, name), with the limit of streams a user may have at once."""

    def __init__(self) -> None:
        self._streams: dict[tuple[int, UUID], Stream] = {}
        self._per_user: Counter[int] = Counter()
        self.draining = False
        self.opened = 0

    def __len__(self) -> int:
        return len(self._streams)

    def __iter__(self) -> Iterator[Stream]:
        return iter(list(self._streams.values()))

    def get(self, user_id: int, name: UUID) -> Stream | None:
        """Return the stream, if it is that user's and not over."""
        return self._streams.get((user_id, name))

    def open(self, message: Message) -> Stream:
        """Make the stream that answers `message`. Raises TooManyStreams and Draining."""
        if self.draining:
            raise Draining("this server is about to restart: ask again in a moment")
        limit = settings.STREAMING_STREAMS_PER_USER
        if self._per_user[message.user_id] >= limit:
            raise TooManyStreams(f"{limit} answers are being written for you already: wait for one or stop one")
        stream = Stream(
            message,
            journal(),
            window=settings.STREAMING_REPLAY_WINDOW,
            grace=settings.STREAMING_RESUME_GRACE,
        )
        self._streams[message.user_id, message.stream] = stream
        self._per_user[message.user_id] += 1
        self.opened += 1
        return stream

    def discard(self, stream: Stream) -> None:
        """Forget a stream that has ended; who resumes it reads the record."""
        user_id = stream.message.user_id
        if self._streams.pop((user_id, stream.name), None) is not None:
            self._per_user[user_id] -= 1
            if not self._per_user[user_id]:
                del self._per_user[user_id]

    async def drain(self) -> None:
        """Take no new streams, and end those that are left with a fault that invites to ask again."""
        self.draining = True
        tasks = []
        for stream in self:
            stream.interrupt(INTERRUPTED)
            if stream.source is not None:
                tasks.append(stream.source)
        if tasks:
            await asyncio.wait(tasks, timeout=5)


registry = Registry()
