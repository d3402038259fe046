"""HTTP streaming: an answer as a chunked response in the form that the client accepts."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

import orjson

from compression.codec.payload import CompressionMethod
from compression.codec.varint import encode_varint
from streaming import coded, coding, delivery
from streaming.flow.events import StreamChunk, StreamDone, StreamEvent, StreamFault, describe
from streaming.messages import Message
from streaming.protocol import frames
from streaming.protocol.codec import SessionCodec
from streaming.protocol.codes import FaultCode, Mode
from streaming.protocol.session import Group, ServerSession
from streaming.recorded import RecordedStream
from streaming.streams import Stream
from streaming.tally import Tally
from streaming.transports.content_coding import Coder, Identity

PLAIN = "text/plain"
NDJSON = "application/x-ndjson"
FRAMES = "application/vnd.aura.frames"
CHANNEL = 1
# Seconds for which coded plain text may wait for more: twice that is what nobody sees.
GATHERING = 0.05
HANDED_OVER = (
    "This server stops and another goes on. The same request with the same Idempotency-Key gives the whole answer."
)

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
    """Turns one stream into the bytes of a response. When the client leaves, so does the interest in the stream; if it is
    `lasting`, only after the grace period, because the client can make the same request again.

    `codec` codes the frames; the other forms are plain, and `coder` makes their content coding.
    """

    def __init__(
        self,
        stream: Source,
        message: Message,
        codec: SessionCodec,
        mode: Mode,
        *,
        lasting: bool = False,
        coder: Coder | None = None,
    ) -> None:
        self._stream = stream
        self._message = message
        self._codec = codec
        self._mode = mode
        self._lasting = lasting
        self._coder = coder or Identity()
        self._tally = Tally()
        self._size = 0

    async def run(self, form: str) -> Body:
        """Yield the body in `form`."""
        forms: dict[str, Callable[[], Body]] = {PLAIN: self._plain, NDJSON: self._ndjson, FRAMES: self._frames}
        try:
            # Words alone, each flushed, would be coded larger than they are.
            gathers = form == PLAIN and not isinstance(self._coder, Identity)
            patience = GATHERING if gathers else 0.0
            async with aclosing(coded.pieces(forms[form](), self._coder, patience)) as body:
                async for data in body:
                    self._size += len(data)
                    yield data
        finally:
            self._stream.release(leaving=not self._lasting)
            # All bytes of the body, not those of the payloads alone.
            self._tally.wire_bytes = self._size
            delivery.account(self._message, "http", self._tally)

    async def _events(self) -> AsyncGenerator[StreamEvent]:
        async with aclosing(self._whole()) as events:
            async for event in events:
                if isinstance(event, StreamChunk):
                    size = len(event.text.encode())
                    if not self._codec.active:
                        self._tally.add(CompressionMethod.RAW, size, size)
                yield event

    async def _whole(self) -> AsyncGenerator[StreamEvent]:
        """Yield the events, with an end in any case: a server that drains lets its readers go without one."""
        offset, ended = 0, False
        async with aclosing(self._stream.read()) as events:
            async for event in events:
                offset, ended = event.offset + 1, not isinstance(event, StreamChunk)
                yield event
        if not ended:
            yield StreamFault(offset, FaultCode.INTERRUPTED, HANDED_OVER, 1_000)

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
                yield _line(describe(event) | self._tentative(event))

    def _tentative(self, event: StreamEvent) -> dict[str, str]:
        """Return what will probably follow the newest chunk; nothing behind any other."""
        text = self._stream.tentative_behind(event.offset) if isinstance(self._stream, Stream) else ""
        return {"tentative": text} if text else {}

    async def _frames(self) -> Body:
        session = ServerSession(bytes(16), flow=False)
        session.receive(frames.Hello(version=(frames.VERSION,), mode=self._mode))
        stream = self._stream
        session.open(CHANNEL, stream.name.bytes, stream.epoch, 0, stream.conversation.bytes)
        for frame in session.control_frames():
            yield _framed(frame)
        async with aclosing(self._whole()) as events:
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


def _line(data: dict[str, Any]) -> bytes:
    return orjson.dumps(data) + b"\n"


def _framed(frame: frames.Frame) -> bytes:
    data = frames.encode(frame)
    return encode_varint(len(data)) + data
