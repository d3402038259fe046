"""The connections of this process: limits, heartbeats, drain, and what the statistics say of them."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from django.conf import settings

from streaming.protocol.codes import CloseCode
from streaming.sessions import Session
from streaming.tally import Tally

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
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
        return None

    def add(self, connection: Connection) -> None:
        """Count a connection in, and begin its heartbeats."""
        self._open.add(connection)
        self._per_user[connection.session.user.pk] += 1
        self.opened += 1
        if self._heart is None or self._heart.done():
            self._heart = asyncio.create_task(self._beat())

    def remove(self, connection: Connection) -> None:
        """Count a connection out."""
        if connection not in self._open:
            return
        self._open.remove(connection)
        user_id = connection.session.user.pk
        self._per_user[user_id] -= 1
        if not self._per_user[user_id]:
            del self._per_user[user_id]
        self.past.merge(connection.session.tally)

    async def _beat(self) -> None:
        """Ping every connection once an interval, spread over it; close those that went silent."""
        while self._open:
            round_ = list(self._open)
            pause = settings.STREAMING_HEARTBEAT_INTERVAL / len(round_)
            owed = 0.0
            for connection in round_:
                owed += pause
                if owed >= 0.05:
                    await asyncio.sleep(owed)
                    owed = 0.0
                if connection in self._open and not connection.session.ping():
                    log.info("a connection went silent: %s", connection.session.name.hex())
                    await _close(connection, CloseCode.STALE)

    async def drain(self) -> None:
        """Ask every client to go on elsewhere, give them a moment, then close what is left."""
        self.draining = True
        for connection in self:
            connection.session.drain()
        for _ in range(20):
            if not self._open:
                return
            await asyncio.sleep(0.1)
        for connection in self:
            await _close(connection, CloseCode.DRAINING)


async def _close(connection: Connection, code: CloseCode) -> None:
    """Close one connection; whatever its line does, the others must not suffer."""
    try:
        await connection.close(code)
    except Exception:
        log.debug("connection %s could not be closed", connection.session.name.hex(), exc_info=True)


connections = Connections()
