"""Coalescing of a trickle into batches."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from streaming.coalesce import AHEAD, Coalesced


@dataclass
class Piece:
    text: str
    gathered: bool = False


async def source(texts: list[str], pause: float = 0, fail: bool = False) -> AsyncIterator[Piece]:
    for text in texts:
        await asyncio.sleep(pause)
        yield Piece(text)
    if fail:
        raise RuntimeError("the source broke")


async def collect(coalesced: Coalesced[Piece]) -> list[str]:
    batches = []
    async with coalesced:
        async for items in coalesced:
            batches.append("".join(item.text for item in items))
    return batches


async def test_pieces_that_come_together_go_together() -> None:
    assert await collect(Coalesced(source(["a", "b", "c"]), lambda: (100, 0.05))) == ["a", "bc"]


async def test_the_first_piece_does_not_wait_for_more() -> None:
    async with asyncio.timeout(5), Coalesced(source(["first", "second"], pause=0.001), lambda: (1000, 60)) as coalesced:
        async for items in coalesced:
            assert [item.text for item in items] == ["first"]
            break


async def test_a_full_batch_does_not_wait() -> None:
    async with asyncio.timeout(5):
        batches = await collect(Coalesced(source(["x" * 10] * 4, pause=0.001), lambda: (10, 60)))
    assert "".join(batches) == "x" * 40


async def test_a_small_batch_waits_no_longer_than_the_delay() -> None:
    async def slow() -> AsyncIterator[Piece]:
        yield Piece("first")
        await asyncio.sleep(0)
        yield Piece("second")
        await forever.wait()

    forever = asyncio.Event()
    batches = []
    async with asyncio.timeout(5), Coalesced(slow(), lambda: (1000, 0.01)) as coalesced:
        async for items in coalesced:
            batches += [item.text for item in items]
            if len(batches) == 2:
                break
    assert batches == ["first", "second"]


async def test_what_was_gathered_waits_for_no_more() -> None:
    async def gathered() -> AsyncIterator[Piece]:
        yield Piece("first")
        await asyncio.sleep(0)
        yield Piece("second", gathered=True)
        await forever.wait()

    forever = asyncio.Event()
    batches = []
    async with asyncio.timeout(20), Coalesced(gathered(), lambda: (1000, 600)) as coalesced:
        async for items in coalesced:
            batches += [item.text for item in items]
            if len(batches) == 2:
                break
    assert batches == ["first", "second"]


async def test_what_came_before_an_error_is_given_first() -> None:
    batches = []
    with pytest.raises(RuntimeError, match="broke"):
        async with Coalesced(source(["a", "b"], fail=True), lambda: (100, 0.01)) as coalesced:
            async for items in coalesced:
                batches.append("".join(item.text for item in items))
    assert batches == ["a", "b"]


async def test_a_slow_caller_holds_the_source_back() -> None:
    given = 0

    async def counted() -> AsyncIterator[Piece]:
        nonlocal given
        for _ in range(1000):
            given += 1
            yield Piece("x" * 10)

    async with Coalesced(counted(), lambda: (10, 0.01)) as coalesced:
        async for _ in coalesced:
            await asyncio.sleep(0.05)
            break
        await asyncio.sleep(0.05)
    assert given < 2 * AHEAD + 4


async def test_leaving_ends_the_source() -> None:
    ended = asyncio.Event()

    async def endless() -> AsyncIterator[Piece]:
        try:
            while True:
                yield Piece("x")
                await asyncio.sleep(0.001)
        finally:
            ended.set()

    async with Coalesced(endless(), lambda: (1, 0.001)) as coalesced:
        async for _ in coalesced:
            break
    async with asyncio.timeout(5):
        await ended.wait()


async def test_an_empty_source_gives_nothing() -> None:
    assert await collect(Coalesced(source([]), lambda: (10, 0.01))) == []
