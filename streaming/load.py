"""The load of this process and the shares of its users: what is admitted, and how fast it goes out."""

import asyncio
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from streaming.errors import Overloaded, RateLimited
from streaming.flow.bucket import TokenBucket
from streaming.flow.congestion import SAMPLE, Congestion
from streaming.protocol.codes import Priority

# Bandwidth that a user may use at once after a pause, in seconds of the rate.
BURST = 2.0
# Questions that may be on their way to the record and the model at once, by priority. One takes some milliseconds: who comes
# behind these would wait for seconds, and is told so now; the lag shows what came in one moment only afterwards.
ASKING = {Priority.URGENT: 256, Priority.NORMAL: 128, Priority.BULK: 64}
# Chunks a second that a process should make, and how far a chunk may be delayed for that. Each costs about a third of a
# millisecond: at four times as many, questions that come meanwhile wait twice as long for their first words.
RATE, LONGEST = 1_000, 0.075
# Where the event loop is late chunks wait longer, by so many times that, up to the last. Else they wait as long in its
# queues, and what else it has to do waits with them: fewer chunks leave it time.
LATE, UTMOST = 12, 0.2


class Load:
    """One for the process. Rates of 0 mean no limit."""

    def __init__(self) -> None:
        self.congestion = Congestion(settings.STREAMING_LAG_LIMIT)
        self.shed = 0
        self.limited = 0
        self._asking = 0
        self._prompts: dict[int, TokenBucket] = {}
        self._bytes: dict[int, TokenBucket] = {}

    @contextmanager
    def asking(self, priority: Priority) -> Iterator[None]:
        """Count a question in while it is put on the record. Raises Overloaded when too many are."""
        if settings.STREAMING_LAG_LIMIT > 0 and self._asking >= ASKING[priority]:
            self.shed += 1
            raise Overloaded("too many questions come at once: try again in a moment", self.congestion.retry_after)
        self._asking += 1
        try:
            yield
        finally:
            self._asking -= 1

    def admit(self, user_id: int, priority: Priority, held: int, *, by_program: bool = False) -> None:
        """Return when a user may have something answered now; `held` are the bytes that all streams hold in memory. Programs
        have rates of their own, those of their keys.

        Raises RateLimited and Overloaded, both with the time to wait.
        """
        if held > settings.STREAMING_MEMORY_LIMIT:
            self.shed += 1
            raise Overloaded("this server holds as much as it may: try again in a moment", 5)
        if not self.congestion.admits(priority):
            self.shed += 1
            raise Overloaded("this server has too much to do: try again in a moment", self.congestion.retry_after)
        rate = settings.STREAMING_PROMPTS_PER_MINUTE
        if rate <= 0 or by_program:
            return
        now = time.monotonic()
        bucket = self._prompts.setdefault(user_id, TokenBucket(rate / 60, rate, now))
        wait = bucket.take(1, now)
        if wait:
            self.limited += 1
            raise RateLimited(f"{rate} questions a minute are your share: wait {math.ceil(wait)} s", wait)

    def debt(self, user_id: int, size: int) -> float:
        """Count bytes sent to a user; return the seconds to wait before more, by the user's bandwidth."""
        rate = settings.STREAMING_BANDWIDTH_PER_USER
        if rate <= 0:
            return 0.0
        now = time.monotonic()
        return self._bytes.setdefault(user_id, TokenBucket(rate, rate * BURST, now)).owe(size, now)

    def chunking(self) -> tuple[int, float]:
        """Return size (characters) and delay (seconds) of chunks: the settings, more under load."""
        factor = self.congestion.coalescing
        return settings.STREAMING_CHUNK_SIZE * factor, settings.STREAMING_CHUNK_DELAY * factor

    def gathering(self, streams: int) -> tuple[int, float]:
        """Return how many characters of an endpoint may gather before they make a chunk, and for how many seconds: with many
        streams longer, so that all together make about RATE chunks a second, but never what people notice, unless the
        process cannot keep up."""
        size, delay = self.chunking()
        longest = min(LONGEST + LATE * self.congestion.lag, UTMOST)
        return size, max(delay, min(longest, streams / RATE))

    async def watch(self) -> None:
        """Sample how late the loop runs, for ever."""
        while True:
            due = time.monotonic() + SAMPLE
            await asyncio.sleep(SAMPLE)
            now = time.monotonic()
            self.congestion.observe(now - due, now)

    def forget(self) -> None:
        """Drop the books of users who have been quiet."""
        now = time.monotonic()
        for books in (self._prompts, self._bytes):
            for user_id in [user_id for user_id, bucket in books.items() if bucket.full(now)]:
                del books[user_id]


load = Load()
