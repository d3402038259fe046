"""Sources that are filled rather than asked: a bounded queue between the two."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

from streaming.bridges.base import BATCH, WAIT, Delivery
from streaming.bridges.errors import Unavailable


class Queued:
    """Deliveries that wait to be received, at most BATCH. Who puts them in waits while it is full."""

    ordered = True

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Delivery | Unavailable] = asyncio.Queue(BATCH)
        self._broken: Unavailable | None = None
        self._filling: asyncio.Task[None] | None = None

    async def put(self, delivery: Delivery) -> None:
        """Add a delivery, when there is room for it."""
        await self._queue.put(delivery)

    def fill(self, deliveries: AsyncIterator[Delivery]) -> None:
        """Take everything from there; where it ends or raises Unavailable the source is of no more use."""
        self._filling = asyncio.create_task(self._fill(deliveries))

    async def _fill(self, deliveries: AsyncIterator[Delivery]) -> None:
        try:
            async for delivery in deliveries:
                await self._queue.put(delivery)
            self.fail("the source has ended")
        except Unavailable as error:
            self.fail(str(error))

    def fail(self, reason: str) -> None:
        """Let whoever receives know that no more will come."""
        self._broken = self._broken or Unavailable(reason)
        with suppress(asyncio.QueueFull):
            self._queue.put_nowait(self._broken)

    async def receive(self, limit: int = BATCH) -> Sequence[Delivery]:
        """See `Source`."""
        found: list[Delivery] = []
        if self._queue.empty():
            if self._broken is not None:
                raise self._broken
            with suppress(TimeoutError):
                async with asyncio.timeout(WAIT):
                    self._add(found, await self._queue.get())
        while len(found) < limit and not self._queue.empty():
            self._add(found, self._queue.get_nowait())
        return found

    def _add(self, found: list[Delivery], item: Delivery | Unavailable) -> None:
        if not isinstance(item, Unavailable):
            found.append(item)
        elif not found:
            raise item

    async def settle(self, deliveries: Sequence[Delivery]) -> None:
        """See `Source`."""

    async def aclose(self) -> None:
        """See `Source`."""
        if self._filling is not None:
            self._filling.cancel()
            with suppress(asyncio.CancelledError):
                await self._filling
