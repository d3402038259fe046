"""What Redis does besides what every bridge does."""

from pathlib import Path

from streaming.bridges import brokers
from streaming.bridges.base import Message
from tests.streaming.bridges.places import Redis


async def test_a_key_keeps_about_as_many_messages_as_it_may(tmp_path: Path) -> None:
    place = Redis(tmp_path)
    place.start()
    try:
        bridge = brokers.to(f"{place.address}?maxlen=100")
        sink = await bridge.sink("orders")
        for first in range(0, 1_000, 250):
            await sink.send([Message(b"{}", "s", 1, number) for number in range(first, first + 250)])
        source = await bridge.source("orders", {})
        kept = [one.message.offset for one in await source.receive(1_000)]
        await sink.aclose()
        await source.aclose()
    finally:
        place.stop()
    # Redis cuts off whole nodes, of 100 messages each.
    assert 100 <= len(kept) <= 300
    assert kept == list(range(1_000 - len(kept), 1_000))
