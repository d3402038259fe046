"""The streams that this process is writing now, and those it mirrors from others."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from django.conf import settings

from audit.journal import journal
from streaming.ended import Ended
from streaming.errors import Draining, TooManyStreams
from streaming.load import load
from streaming.messages import Message
from streaming.recorded import INTERRUPTED
from streaming.replay import store
from streaming.replay.base import Replay
from streaming.streams import Stream

log = logging.getLogger(__name__)

# Seconds for which the bytes in memory count as known: to add up thousands of streams at each question would take longer
# than to answer it.
SIZE_AGE = 0.1
# Seconds of silence after which a reader in another process no longer counts.
REMOTE_READER_EXPIRY = 10.0


class Registry:
    """Streams by (user, name), with the limit of streams a user may have written at once."""

    def __init__(self) -> None:
        self._streams: dict[tuple[int, UUID], Stream] = {}
        self._mirrored: dict[tuple[int, UUID], Stream] = {}
        self._per_user: Counter[tuple[int, bool]] = Counter()
        self.ended = Ended()
        self._remote_readers: dict[tuple[int, UUID, str], float] = {}
        self._replay: Replay | None = None
        # What else processes say to each other, by what they ask to be done.
        self.handlers: dict[str, Callable[[dict[str, Any]], None]] = {}
        self.draining = False
        self.opened = 0
        self._held, self._held_at = 0, -SIZE_AGE

    def __len__(self) -> int:
        return len(self._streams)

    def __iter__(self) -> Iterator[Stream]:
        return iter(list(self._streams.values()))

    @property
    def replay(self) -> Replay:
        """Return the store that this process shares with the others."""
        if self._replay is None:
            self._replay = store.make(self._on_message)
        return self._replay

    def prepare(self) -> None:
        """Make the store before anybody asks for it: what it needs may take a while to load."""
        _ = self.replay

    @property
    def size(self) -> int:
        """Return the bytes of text that the streams of this process hold in memory; without those that have ended, which
        make room for others."""
        return sum(stream.size for stream in (*self._streams.values(), *self._mirrored.values()))

    @property
    def watched(self) -> bool:
        """Whether answers are written here, or read that another process writes."""
        return bool(self._streams) or any(stream.watched for stream in self._mirrored.values())

    def get(self, user_id: int, name: UUID) -> Stream | None:
        """Return the stream, if it is that user's, is not over, and is written or mirrored here."""
        key = (user_id, name)
        return self._streams.get(key) or self._mirrored.get(key)

    def open(self, message: Message) -> Stream:
        """Make the stream that answers `message`. Raises Draining, TooManyStreams, RateLimited and Overloaded."""
        self._admit(message)
        stream = self._new(message)
        self._write(stream)
        self.opened += 1
        return stream

    def mirror(self, message: Message, epoch: int) -> Stream:
        """Make the stream that another process writes, or wrote."""
        stream = self._mirrored[message.user_id, message.stream] = self._new(message, epoch)
        return stream

    def adopt(self, stream: Stream) -> None:
        """Count a mirrored stream as written here from now on."""
        self._mirrored.pop((stream.message.user_id, stream.name), None)
        self._write(stream)

    def give_up(self, stream: Stream) -> None:
        """Count a stream that another process has taken over as mirrored."""
        self.discard(stream)
        self._mirrored[stream.message.user_id, stream.name] = stream

    def discard(self, stream: Stream) -> None:
        """Stop to count a stream that has ended, or that nobody reads here. One whose end is on the record is kept for a
        moment, but for a fault: how much is left of the time that it asks to wait is for the record to say."""
        key = (stream.message.user_id, stream.name)
        if stream.ended and stream.end_is_recorded and stream.failure is None:
            self.ended.keep(stream)
        self._mirrored.pop(key, None)
        if self._streams.pop(key, None) is not None:
            asker = _asker(stream.message)
            self._per_user[asker] -= 1
            if not self._per_user[asker]:
                del self._per_user[asker]

    def _admit(self, message: Message) -> None:
        if self.draining:
            raise Draining("this server is about to restart: ask again in a moment")
        limit = settings.STREAMING_STREAMS_PER_PROGRAM if message.by_program else settings.STREAMING_STREAMS_PER_USER
        if self._per_user[_asker(message)] >= limit:
            raise TooManyStreams(f"{limit} answers are being written for you already: wait for one or stop one")
        now = time.monotonic()
        if now - self._held_at > SIZE_AGE:
            self._held, self._held_at = self.size, now
        load.admit(message.user_id, message.priority, self._held, by_program=message.by_program)

    def _new(self, message: Message, epoch: int = 1) -> Stream:
        return Stream(
            message,
            journal(),
            window=settings.STREAMING_REPLAY_WINDOW,
            grace=settings.STREAMING_RESUME_GRACE,
            replay=self.replay,
            epoch=epoch,
        )

    def _write(self, stream: Stream) -> None:
        self._streams[stream.message.user_id, stream.name] = stream
        self._per_user[_asker(stream.message)] += 1

    # -- from other processes ----------------------------------------------------------------------------------

    def _on_message(self, message: dict[str, Any]) -> None:
        """Do what another process says, most often one that mirrors a stream of ours."""
        handler = self.handlers.get(message["do"])
        if handler is not None:
            handler(message)
            return
        key = (int(message["user"]), UUID(hex=message["stream"]))
        stream = self._streams.get(key)
        if stream is None:
            return
        reader = (*key, str(message["reader"]))
        match message["do"]:
            case "report":
                self._remote_readers[reader] = time.monotonic()
                stream.report(reader, int(message["offset"]))
            case "leave":
                self._remote_readers.pop(reader, None)
                stream.leave(reader)
                stream.release(leaving=bool(message["leaving"]))
            case "cancel":
                stream.cancel()

    def expire(self) -> None:
        """Count out the readers of processes that have gone silent; forget streams that ended some time ago."""
        self.ended.expire()
        oldest = time.monotonic() - REMOTE_READER_EXPIRY
        for reader, seen in list(self._remote_readers.items()):
            if seen < oldest:
                del self._remote_readers[reader]
                stream = self._streams.get(reader[:2])
                if stream is not None:
                    stream.leave(reader)
                    stream.release(leaving=False)

    # -- the end -----------------------------------------------------------------------------------------------

    async def drain(self, can_hand_over: Callable[[Stream], bool]) -> None:
        """Take no new streams and end the sources: streams that another process can go on with are left open for it,
        the others end with a fault that invites to ask again."""
        self.draining = True
        tasks = []
        for stream in self:
            if can_hand_over(stream):
                stream.hand_over()
            else:
                stream.interrupt(INTERRUPTED)
            if stream.source is not None:
                tasks.append(stream.source)
        if tasks:
            await asyncio.wait(tasks, timeout=5)
        for stream in list(self._mirrored.values()):
            stream.part()

    async def aclose(self) -> None:
        """Release the replay store."""
        if self._replay is not None:
            await self._replay.aclose()
            self._replay = None


def _asker(message: Message) -> tuple[int, bool]:
    """A user's programs do not use up what the user may ask by hand."""
    return message.user_id, message.by_program


registry = Registry()
