"""HTTP streaming: an answer as a chunked response in the form that the client accepts."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from typing import Any

import orjson

from audit.errors import AuditError
from audit.journal import journal
from audit.records.event import Kind
from compression.codec.payload import CompressionMethod
from compression.codec.varint import encode_varint
from streaming import coding, recorded
from streaming.flow.events import StreamChunk, StreamDone, StreamEvent, describe
from streaming.messages import Message
from streaming.protocol import frames
from streaming.protocol.codec import SessionCodec
from streaming.protocol.codes import Mode
from streaming.protocol.session import Group, ServerSession
from streaming.recorded import RecordedStream
from streaming.streams import Stream
from streaming.tally import Tally

PLAIN = "text/plain"
NDJSON = "application/x-ndjson"
FRAMES = "application/vnd.aura.frames"
CHANNEL = 1

Source = Stream | RecordedStream
Body = AsyncGenerator[bytes]


def choose(accept: str) -> str:
    """Return the form for an Accept header (RFC 9110, section 12.5.1): the first of ours in it; empty for none."""
    for part in accept.split(",") if accept else ["*/*"]:
        name = part.split(";")[0].strip().lower()
        if name in (PLAIN, NDJSON, FRAMES):
            return name
        if name in ("*/*", "text/*"):
            return PLAIN
        if name in ("application/json", "application/*", "application/ndjson"):
            return NDJSON
    return ""


class HttpFeed:
    """Turns one stream into the bytes of a response. When the client leaves, so does the interest in the stream.

    `codec` codes the frames; the other forms are plain.
    """

    def __init__(self, stream: Source, message: Message, codec: SessionCodec, mode: Mode) -> None:
        self._stream = stream
        self._message = message
        self._codec = codec
        self._mode = mode
        self._tally = Tally()
        self._size = 0

    async def run(self, form: str) -> Body:
        """Yield the body in `form`."""
        forms: dict[str, Callable[[], Body]] = {PLAIN: self._plain, NDJSON: self._ndjson, FRAMES: self._frames}
        try:
            async with aclosing(forms[form]()) as body:
                async for data in body:
                    self._size += len(data)
                    yield data
        finally:
            self._stream.release(leaving=True)
            self._account()

    async def _events(self) -> AsyncGenerator[StreamEvent]:
        async with aclosing(self._stream.read()) as events:
            async for event in events:
                if isinstance(event, StreamChunk):
                    size = len(event.text.encode())
                    if not self._codec.active:
                        self._tally.add(CompressionMethod.RAW, size, size)
                yield event

    async def _plain(self) -> Body:
        """The text alone; a fault is its last line, because the status has long been sent."""
        async with aclosing(self._events()) as events:
            async for event in events:
                if isinstance(event, StreamChunk):
                    yield event.text.encode()
                elif not isinstance(event, StreamDone):
                    yield f"\n[{event.code.label}: {event.message}]\n".encode()

    async def _ndjson(self) -> Body:
        opening = {"stream": str(self._stream.name), "conversation": str(self._stream.conversation)}
        yield _line({"type": "open", **opening, "epoch": self._stream.epoch, "offset": 0})
        async with aclosing(self._events()) as events:
            async for event in events:
                yield _line(describe(event))

    async def _frames(self) -> Body:
        session = ServerSession(bytes(16), flow=False)
        session.receive(frames.Hello(version=(frames.VERSION,), mode=self._mode))
        stream = self._stream
        session.open(CHANNEL, stream.name.bytes, stream.epoch, 0, stream.conversation.bytes)
        for frame in session.control_frames():
            yield _framed(frame)
        async with aclosing(stream.read()) as events:
            async for event in events:
                session.feed(CHANNEL, event)
                for item in session.groups():
                    yield _framed(await self._chunk(item) if isinstance(item, Group) else item)

    async def _chunk(self, group: Group) -> frames.Chunk:
        encoded = await coding.encode(self._codec, group.text)
        text = group.text.encode()
        self._tally.add(encoded.method, len(text), len(encoded.data))
        check = frames.chunk_check(group.stream, group.epoch, group.offset, group.count, text)
        return frames.Chunk(CHANNEL, check, encoded.data, group.count)

    def _account(self) -> None:
        """Put on the record what went over the wire; nobody waits for it."""
        if not self._tally.payloads:
            return
        meta = {"session": "http", "direction": "down", **self._tally.summary(), "wire_bytes": self._size}
        with suppress(AuditError):
            journal().submit([recorded.entry(self._message, Kind.DELIVERY, meta=meta)])


def _line(data: dict[str, Any]) -> bytes:
    return orjson.dumps(data) + b"\n"


def _framed(frame: frames.Frame) -> bytes:
    data = frames.encode(frame)
    return encode_varint(len(data)) + data
