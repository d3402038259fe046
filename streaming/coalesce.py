"""Coalescing: a fast trickle of small pieces becomes fewer, larger ones within a bounded delay."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import suppress
from typing import Generic, TypeVar

Item = TypeVar("Item")

# A source that gives much at once gets it on the record in few commits.
AHEAD = 16


class Coalesced(Generic[Item]):
    """Iterates over a source in batches: `async for items in Coalesced(source, chunking)`.

    `chunking` returns size and delay, and may answer differently from batch to batch. The first batch is given at once: its
    reader waits for a sign of life. A later one is given as soon as its items measure the size, or delay seconds after its
    first one came. What comes while the caller works on a batch waits, up to AHEAD times the size; then the source waits. An
    error of the source is raised after the items that came before it. An item that is `gathered` waits for no more. Leave
    `async with` to end the source.
    """

    def __init__(self, source: AsyncIterator[Item], chunking: Callable[[], tuple[int, float]]) -> None:
        self._source = source
        self._chunking = chunking
        self._size, self._delay = chunking()
        self._items: list[Item] = []
        self._waiting = 0
        self._gathered = False
        self._event = asyncio.Event()
        self._taken = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None
        self._begun = False

    async def __aenter__(self) -> "Coalesced[Item]":
        self._pump = asyncio.create_task(self._run())
        self._pump.add_done_callback(lambda _: self._event.set())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._pump is not None
        self._pump.cancel()
        # Not awaited itself: that would mix its cancellation up with one of the caller.
        await asyncio.wait([self._pump])
        if not self._pump.cancelled():
            self._pump.exception()

    async def _run(self) -> None:
        async for item in self._source:
            self._items.append(item)
            self._waiting += len(getattr(item, "text", ""))
            self._gathered = self._gathered or getattr(item, "gathered", False)
            self._event.set()
            while self._waiting > AHEAD * self._size:
                self._taken.clear()
                await self._taken.wait()

    async def __aiter__(self) -> AsyncGenerator[list[Item]]:
        pump = self._pump
        assert pump is not None, "use it with `async with`"
        while True:
            await self._event.wait()
            self._size, self._delay = self._chunking()
            if self._begun and not self._is_full(pump):
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._delay):
                        await self._full()
            self._event.clear()
            items, self._items, self._waiting, self._gathered = self._items, [], 0, False
            self._taken.set()
            if items:
                self._begun = True
                yield items
            if pump.done() and not self._items:
                pump.result()
                return
            if pump.done():
                self._event.set()

    def _is_full(self, pump: asyncio.Task[None]) -> bool:
        return self._gathered or self._waiting >= self._size or pump.done()

    async def _full(self) -> None:
        while self._pump is not None and not self._is_full(self._pump):
            self._event.clear()
            await self._event.wait()
