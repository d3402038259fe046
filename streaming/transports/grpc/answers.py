"""Answers as typed messages: an answer's events one by one, and how many such calls a user has open."""

from collections import Counter
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from typing import Any

from django.conf import settings

from compression.codec.payload import CompressionMethod
from streaming import delivery
from streaming.flow.events import StreamChunk, StreamDone, StreamEvent, StreamFault
from streaming.messages import Message
from streaming.protocol.codes import CloseCode, FaultCode
from streaming.recorded import RecordedStream
from streaming.streams import Stream
from streaming.tally import Tally
from streaming.transports.grpc.generated import aura_pb2
from streaming.transports.grpc.status import Refusal


class Calls:
    """Counts the answers that each user reads at once in this process."""

    def __init__(self) -> None:
        self._open: Counter[int] = Counter()

    @contextmanager
    def of(self, user_id: int) -> Iterator[None]:
        """Hold a place for one more call. Raises Refusal when the user has as many as may be."""
        limit = settings.STREAMING_SESSIONS_PER_USER
        if self._open[user_id] >= limit:
            message = f"you read {limit} answers at once already: wait for one"
            raise Refusal.of_fault(FaultCode.TOO_MANY_STREAMS, message, retry_after=5_000)
        self._open[user_id] += 1
        try:
            yield
        finally:
            self._open[user_id] -= 1
            if not self._open[user_id]:
                del self._open[user_id]


class AnswerFeed:
    """Writes one answer into a call. `context` is the call's ServicerContext; its `write` waits for a slow reader."""

    def __init__(self, stream: Stream | RecordedStream, message: Message, context: Any) -> None:
        self._stream = stream
        self._message = message
        self._context = context
        self._tally = Tally()

    async def run(self, offset: int) -> None:
        """Write the events from `offset` on. Raises Refusal behind a fault.

        A call that ends before its answer counts as a broken line: the answer goes on for STREAMING_RESUME_GRACE.
        """
        stream = self._stream
        opening = aura_pb2.Open(
            stream=str(stream.name), epoch=stream.epoch, offset=offset, conversation=str(stream.conversation)
        )
        try:
            await self._write(aura_pb2.ChatEvent(open=opening))
            async with aclosing(stream.read(offset)) as events:
                async for event in events:
                    await self._write(to_message(event, stream.epoch))
                    if isinstance(event, StreamChunk):
                        # Its bytes on the wire are counted where they are written.
                        self._tally.add(CompressionMethod.RAW, len(event.text.encode()), 0)
                    if isinstance(event, StreamFault):
                        raise Refusal.of_fault(event.code, event.message, event.retry_after)
                    if isinstance(event, StreamDone):
                        return
            # Handed over to another process.
            raise Refusal.of_close(CloseCode.DRAINING, "this server is about to restart: resume the answer")
        finally:
            stream.release(leaving=False)
            delivery.account(self._message, "grpc", self._tally)

    async def _write(self, event: aura_pb2.ChatEvent) -> None:
        self._tally.wire_bytes += event.ByteSize()
        await self._context.write(event)


def to_message(event: StreamEvent, epoch: int) -> aura_pb2.ChatEvent:
    """Return the message for an event of a stream."""
    match event:
        case StreamChunk():
            return aura_pb2.ChatEvent(chunk=aura_pb2.Chunk(offset=event.offset, epoch=epoch, text=event.text))
        case StreamDone():
            done = aura_pb2.Done(
                offset=event.offset,
                check=event.check,
                finish=int(event.finish),  # type: ignore[arg-type]
                model=event.model,
                tier=event.tier,
                prompt_tokens=event.prompt_tokens,
                completion_tokens=event.completion_tokens,
                cost_nano_usd=event.cost,
                first_token_ms=event.first_token,
                duration_ms=event.duration,
            )
            return aura_pb2.ChatEvent(done=done)
    fault = aura_pb2.Fault(
        offset=event.offset,
        code=int(event.code),  # type: ignore[arg-type]
        message=event.message,
        retry=event.code.retry,
        retry_after_ms=event.retry_after,
    )
    return aura_pb2.ChatEvent(fault=fault)
