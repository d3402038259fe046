"""The connections of this process: limits, heartbeats, drain, and what the statistics say of them."""

import asyncio
import logging
import time
import weakref
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from django.conf import settings

from compression.codec.library import Library
from compression.selectors import active_library_async
from streaming.protocol.codes import CloseCode
from streaming.sessions import Session
from streaming.standing import Standing, watch
from streaming.tally import Tally

log = logging.getLogger(__name__)

# Seconds between two looks at which library is active. It is asked for once a second at most.
WATCH = 0.5


@dataclass(slots=True, weakref_slot=True, eq=False)
class Connection:
    """One open connection; `close` ends it with a close code."""

    transport: str
    session: Session
    close: Callable[[CloseCode], Awaitable[None]]
    since: float = field(default_factory=time.time)


class Connections:
    """All open connections. One task sends the heartbeats of all of them."""

    def __init__(self) -> None:
        self._open: set[Connection] = set()
        self._per_user: Counter[int] = Counter()
        self._heart: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._again = False
        self.draining = False
        self.opened = 0
        self.past = Tally()

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self._open))

    def refusal(self, user_id: int) -> CloseCode | None:
        """Return why a further connection of that user cannot be, None when it can."""
        if self.draining:
            return CloseCode.DRAINING
        if self._per_user[user_id] >= settings.STREAMING_SESSIONS_PER_USER:
            return CloseCode.TOO_MANY_SESSIONS
        if len(self._open) >= settings.STREAMING_SESSIONS:
            return CloseCode.OVERLOADED
        return None

    def add(self, connection: Connection) -> None:
        """Count a connection in, and begin its heartbeats."""
        self._open.add(connection)
        self._per_user[connection.session.user.pk] += 1
        self.opened += 1
        if self._heart is None or self._heart.done():
            self._heart = asyncio.create_task(self._beat())
        if self._watch is None or self._watch.done():
            self._watch = asyncio.create_task(self._watch_library())
        watch.hold(
            connection, Standing.of(connection.session.user), lambda: self._let_go(connection, CloseCode.SIGNED_OUT)
        )

    def remove(self, connection: Connection) -> None:
        """Count a connection out."""
        if connection not in self._open:
            return
        self._open.remove(connection)
        watch.release(connection)
        user_id = connection.session.user.pk
        self._per_user[user_id] -= 1
        if not self._per_user[user_id]:
            del self._per_user[user_id]
        self.past.merge(connection.session.tally)

    async def _beat(self) -> None:
        """Ping every connection once an interval, spread over it; close those that went silent."""
        while self._open:
            # Weakly: who leaves in the meantime is not kept until the end of the round.
            round_ = [weakref.ref(connection) for connection in self._open]
            pause = settings.STREAMING_HEARTBEAT_INTERVAL / len(round_)
            owed = 0.0
            for held in round_:
                owed += pause
                if owed >= 0.05:
                    await asyncio.sleep(owed)
                    owed = 0.0
                self._ping(held())

    def _ping(self, connection: Connection | None) -> None:
        if connection is not None and connection in self._open and not connection.session.ping():
            log.info("a connection went silent: %s", connection.session.name.hex())
            self._let_go(connection, CloseCode.STALE)

    def _let_go(self, connection: Connection, code: CloseCode) -> None:
        """Close a connection without waiting for it: others are due."""
        closing = asyncio.create_task(_close(connection, code))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def _watch_library(self) -> None:
        """Have all sessions go over to another library when it becomes the active one, here or in another process."""
        seen: Library | None = None
        while self._open:
            library = await active_library_async()
            # Twice: a session that was greeted in that moment may have got the old one.
            if library is not seen or self._again:
                self._again = library is not seen
                seen = library
                for number, connection in enumerate(self):
                    connection.session.offer(library)
                    if number % 100 == 99:
                        await asyncio.sleep(0)
            await asyncio.sleep(WATCH)

    async def drain(self) -> None:
        """Ask every client to go on elsewhere, give them a moment, then close what is left."""
        self.draining = True
        for connection in self:
            connection.session.drain()
        for _ in range(20):
            if not self._open:
                return
            await asyncio.sleep(0.1)
        await asyncio.gather(*(_close(connection, CloseCode.DRAINING) for connection in self))


async def _close(connection: Connection, code: CloseCode) -> None:
    """Close one connection; whatever its line does, the others must not suffer."""
    try:
        await connection.close(code)
    except Exception:
        log.debug("connection %s could not be closed", connection.session.name.hex(), exc_info=True)


connections = Connections()
