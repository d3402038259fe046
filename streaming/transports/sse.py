"""Server-Sent Events (WHATWG HTML, section 9.2): the events of a stream as text, resumable by Last-Event-ID."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import orjson

from compression.codec.payload import CompressionMethod, Encoded
from streaming import coding, delivery
from streaming.flow.events import StreamChunk, StreamDone, StreamEvent, describe
from streaming.flow.segment import CONTEXT, is_boundary
from streaming.messages import Message
from streaming.protocol.codec import SessionCodec
from streaming.recorded import RecordedStream
from streaming.streams import Stream
from streaming.tally import Tally
from streaming.transports.content_coding import Coder, Identity

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Position:
    """Where a client stands: `offset` is the first event that it does not have."""

    stream: UUID
    epoch: int
    offset: int

    def __str__(self) -> str:
        return f"{self.stream.hex}:{self.epoch}:{self.offset}"

    @classmethod
    def parse(cls, text: str) -> "Position":
        """Return the position that an event's id named. Raises ValueError for any other text."""
        stream, epoch, offset = text.split(":")
        if len(text) > 80 or not (epoch.isascii() and epoch.isdigit() and offset.isascii() and offset.isdigit()):
            raise ValueError("not the id of an event")
        return cls(UUID(hex=stream), int(epoch), int(offset))


def event_bytes(name: str, data: dict[str, Any], position: Position | None = None) -> bytes:
    """Return one event. `data` is written as one line of JSON."""
    head = f"id: {position}\n" if position is not None else ""
    return f"{head}event: {name}\ndata: ".encode() + orjson.dumps(data) + b"\n\n"


class SseFeed:
    """Turns a stream into the bytes of an event stream for one client.

    Events: `open`, `token` (text), `compression` (what AURA's codec makes of each sentence), `heartbeat`, and at the end
    `done` or `error`. `heartbeat` is the time in seconds without another event before a heartbeat; `coder` makes the content
    coding.
    """

    def __init__(
        self,
        stream: Stream | RecordedStream,
        message: Message,
        codec: SessionCodec,
        heartbeat: float,
        coder: Coder | None = None,
    ) -> None:
        self._stream = stream
        self._message = message
        self._codec = codec
        self._heartbeat = heartbeat
        self._coder = coder or Identity()
        self._sentence: list[StreamChunk] = []
        self._tail = ""
        self._coded = Tally()
        self._wire = Tally()

    async def run(self, offset: int) -> AsyncGenerator[bytes]:
        """Yield the bytes from event `offset` on. The stream is released when the caller stops iterating."""
        opening = {
            "stream": self._stream.name.hex,
            "epoch": self._stream.epoch,
            "offset": offset,
            "conversation": str(self._stream.conversation),
        }
        try:
            yield self._sent(event_bytes("open", opening, self._position(offset)))
            async with aclosing(with_heartbeats(self._stream.read(offset), self._heartbeat)) as events:
                async for event in events:
                    if event is None:
                        yield self._sent(event_bytes("heartbeat", {}))
                    else:
                        yield self._sent(await self._format(event))
            if rest := self._coder.end():
                self._wire.wire_bytes += len(rest)
                yield rest
        finally:
            self._stream.release(leaving=False)
            delivery.account(self._message, "sse", self._wire)

    def _position(self, offset: int) -> Position:
        return Position(self._stream.name, self._stream.epoch, offset)

    def _sent(self, data: bytes) -> bytes:
        """Return the bytes that events become on the wire, and count them."""
        data = self._coder.code(data)
        self._wire.wire_bytes += len(data)
        return data

    async def _format(self, event: StreamEvent) -> bytes:
        position = self._position(event.offset + 1)
        if isinstance(event, StreamChunk):
            boundary = self._sentence and is_boundary(self._tail, event.text)
            before = await self._compression() if boundary else b""
            self._sentence.append(event)
            self._tail = (self._tail + event.text)[-CONTEXT:]
            # Its bytes on the wire are counted where they are sent.
            self._wire.add(CompressionMethod.RAW, len(event.text.encode()), 0)
            return before + event_bytes("token", {"text": event.text, "offset": event.offset}, position)
        last = await self._compression() if self._sentence else b""
        data = describe(event)
        if isinstance(event, StreamDone):
            # Not what goes over the wire here: that is counted where it is sent, content coding and all.
            coded = self._coded.summary()
            coded["coded_bytes"] = coded.pop("wire_bytes")
            return last + event_bytes("done", data | {"compression": coded}, position)
        return last + event_bytes("error", data, position)

    async def _compression(self) -> bytes:
        """Return the event that tells what the codec makes of the sentence that has just ended."""
        chunks, self._sentence = self._sentence, []
        text = "".join(chunk.text for chunk in chunks)
        encoded = await coding.encode(self._codec, text)
        size = len(text.encode())
        self._coded.add(encoded.method, size, len(encoded.data))
        return event_bytes("compression", _coding(chunks, size, encoded))


def _coding(chunks: list[StreamChunk], size: int, encoded: Encoded) -> dict[str, Any]:
    return {
        "offset": chunks[0].offset,
        "count": len(chunks),
        "text_bytes": size,
        "coded_bytes": len(encoded.data),
        "method": encoded.method.name.lower(),
        "template_id": encoded.template_id,
    }


async def with_heartbeats(events: AsyncGenerator[T], interval: float) -> AsyncGenerator[T | None]:
    """Yield the events, and None whenever none came for `interval` seconds."""
    iterator = aiter(events)
    coming: asyncio.Future[T] | None = None
    try:
        while True:
            if coming is None:
                coming = asyncio.ensure_future(anext(iterator))
            done, _ = await asyncio.wait([coming], timeout=interval)
            if not done:
                yield None
                continue
            finished, coming = coming, None
            try:
                yield finished.result()
            except StopAsyncIteration:
                return
    finally:
        if coming is not None:
            coming.cancel()
            await asyncio.wait([coming])
            if not coming.cancelled():
                coming.exception()
        await events.aclose()
