"""A broker in this process's memory, for tests and for trying things out. `memory://NAME`"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from urllib.parse import SplitResult

from streaming.bridges import base
from streaming.bridges.base import BATCH, WAIT, Delivery, Message
from streaming.bridges.errors import Refused, Unavailable

# Bytes of a message's body.
SIZE_LIMIT = 1_048_576


class Broker:
    """Logs by channel. `down` behaves as a broker that is away; what it had taken it still has."""

    def __init__(self) -> None:
        self.logs: dict[str, list[tuple[bytes, dict[str, str]]]] = defaultdict(list)
        self.arrived = asyncio.Condition()
        self.down = False

    def check(self) -> None:
        """Raise Unavailable while it is down."""
        if self.down:
            raise Unavailable("the broker in memory is down")


_brokers: dict[str, Broker] = defaultdict(Broker)


def broker(name: str) -> Broker:
    """Return the broker of that name."""
    return _brokers[name]


class Memory:
    """See `Bridge`."""

    def __init__(self, url: SplitResult) -> None:
        base.options(url)
        self._broker = broker(url.netloc)

    async def source(self, channel: str, positions: Mapping[str, str]) -> "_Source":
        """See `Bridge`."""
        self._broker.check()
        return _Source(self._broker, channel, int(positions.get("", "-1")) + 1)

    async def end(self, channel: str) -> dict[str, str]:
        """See `Bridge`."""
        self._broker.check()
        return {"": str(len(self._broker.logs[channel]) - 1)}

    async def sink(self, channel: str, _mark: str = "") -> "_Sink":
        """See `Bridge`."""
        self._broker.check()
        return _Sink(self._broker, channel)


class _Source:
    ordered = True

    def __init__(self, there: Broker, channel: str, start: int) -> None:
        self._broker = there
        self._channel = channel
        self._next = start

    async def receive(self, limit: int = BATCH) -> Sequence[Delivery]:
        async with self._broker.arrived:
            try:
                async with asyncio.timeout(WAIT):
                    await self._broker.arrived.wait_for(self._some)
            except TimeoutError:
                return []
        self._broker.check()
        found = self._broker.logs[self._channel][self._next : self._next + limit]
        first = self._next
        self._next += len(found)
        return [
            Delivery(Message.arrived(body, headers), "", str(number), number)
            for number, (body, headers) in enumerate(found, first)
        ]

    def _some(self) -> bool:
        return self._broker.down or len(self._broker.logs[self._channel]) > self._next

    async def settle(self, deliveries: Sequence[Delivery]) -> None:
        self._broker.check()

    async def aclose(self) -> None: ...


class _Sink:
    mark = ""

    def __init__(self, there: Broker, channel: str) -> None:
        self._broker = there
        self._channel = channel

    async def send(self, messages: Sequence[Message]) -> None:
        log = self._broker.logs[self._channel]
        try:
            for index, message in enumerate(messages):
                self._broker.check()
                if len(message.body) > SIZE_LIMIT:
                    raise Refused(index, f"a message has at most {SIZE_LIMIT} bytes")
                log.append((message.body, message.all_headers()))
        finally:
            async with self._broker.arrived:
                self._broker.arrived.notify_all()

    async def aclose(self) -> None: ...
