"""Bodies that are compressed on the way: `?compression=zstd` of any broker's address. Kafka compresses batches itself.

A message says so in the header `aura-coding`; every reader of AURA unpacks it (`streaming.bridges.base.Message.arrived`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import zstandard

from streaming.bridges import base
from streaming.bridges.base import CODING, UNPACKED_LIMIT, ZSTD, Bridge, Message, Sink, Source

# Bytes of a body under which nothing would be saved.
LEAST = 200
LEVEL = 3


class Packed:
    """A bridge whose sinks compress. See `Bridge`."""

    def __init__(self, inner: Bridge) -> None:
        self._inner = inner

    async def source(self, channel: str, positions: Mapping[str, str]) -> Source:
        """See `Bridge`."""
        return await self._inner.source(channel, positions)

    async def end(self, channel: str) -> dict[str, str]:
        """See `Bridge`."""
        return await self._inner.end(channel)

    async def sink(self, channel: str, mark: str = "") -> Sink:
        """See `Bridge`."""
        return _Sink(await self._inner.sink(channel, mark))


class _Sink:
    def __init__(self, inner: Sink) -> None:
        self._inner = inner
        self._coder = zstandard.ZstdCompressor(level=LEVEL)

    @property
    def mark(self) -> str:
        return self._inner.mark

    @mark.setter
    def mark(self, value: str) -> None:
        self._inner.mark = value

    async def send(self, messages: Sequence[Message]) -> None:
        await self._inner.send([self._packed(message) for message in messages])

    def _packed(self, message: Message) -> Message:
        if not LEAST <= len(message.body) <= UNPACKED_LIMIT or base.CODING in message.headers:
            return message
        body = self._coder.compress(message.body)
        if len(body) + len(CODING) + len(ZSTD) >= len(message.body):
            return message
        return replace(message, body=body, headers={**message.headers, CODING: ZSTD})

    async def aclose(self) -> None:
        await self._inner.aclose()
