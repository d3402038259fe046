"""The chat: a source that answers a message with a model's words."""

import asyncio
import logging
from contextlib import aclosing
from contextvars import Context
from typing import Any

from channels.db import database_sync_to_async
from django.conf import settings

from audit import selectors as record
from audit import services as audit_services
from audit.journal import journal
from audit.records.event import Kind
from routing_ai import services as routing
from routing_ai.errors import RoutingError
from streaming import recorded
from streaming.coalesce import Coalesced
from streaming.errors import EmptyPrompt, TooLarge
from streaming.messages import Message
from streaming.protocol.codes import FaultCode, Finish
from streaming.recorded import RecordedStream
from streaming.registry import registry
from streaming.streams import Stream, StreamContext

log = logging.getLogger(__name__)

# Of the conversation so far the model is given the newest turns, up to this many characters.
HISTORY_LIMIT = 6_000


async def ask(message: Message, user: Any) -> Stream | RecordedStream:
    """Put a message on the record, have it answered, and return the stream of the answer.

    A message whose stream exists already is not asked again: its stream is returned. Raises StreamingError when it cannot
    be asked (empty, too large, too many streams at once), and audit's NotAllowed for a conversation of somebody else.
    """
    kept = await recorded.load(user, message.stream)
    known = registry.get(message.user_id, message.stream) or kept
    if known is not None:
        return known
    if not message.text.strip():
        raise EmptyPrompt("write something first")
    if len(message.text.encode()) > settings.STREAMING_MESSAGE_LIMIT:
        raise TooLarge(f"a message has at most {settings.STREAMING_MESSAGE_LIMIT} bytes")
    stream = registry.open(message)
    try:
        await database_sync_to_async(audit_services.open_conversation, thread_sensitive=False)(
            user, message.conversation, message.text
        )
        turns = await database_sync_to_async(record.transcript, thread_sensitive=False)(user, message.conversation)
        prompt = recorded.entry(
            message,
            Kind.PROMPT,
            offset=0,
            text=message.text,
            meta={"requested_model": message.model, **message.meta},
        )
        await journal().append([prompt])
    except BaseException:
        registry.discard(stream)
        raise
    # A context of its own: the answer outlives the request that asked for it, and must not hold on to its threads.
    stream.source = asyncio.create_task(_answer(stream, message, _history(turns)), context=Context())
    return stream


def _history(turns: list[Any]) -> list[dict[str, str]]:
    """Return the newest turns that fit HISTORY_LIMIT, oldest first, beginning with the user's."""
    kept: list[dict[str, str]] = []
    size = 0
    for turn in reversed(turns):
        size += len(turn.text)
        if size > HISTORY_LIMIT:
            break
        if turn.text:
            kept.append({"role": turn.role, "content": turn.text})
    kept.reverse()
    while kept and kept[0]["role"] != "user":
        kept.pop(0)
    return kept


async def _answer(stream: Stream, message: Message, history: list[dict[str, str]]) -> None:
    """Run the model and write its words into the stream."""
    request = routing.Request(
        user_id=message.user_id,
        messages=[*history, {"role": "user", "content": message.text}],
        model=message.model,
        stream=message.stream,
    )
    try:
        async with StreamContext(stream) as context:
            try:
                await _relay(context, message, request)
            except RoutingError as error:
                retry_after = round((error.retry_after or 0) * 1000)
                await context.fail(FaultCode.named(error.code), str(error), retry_after)
    except asyncio.CancelledError:
        pass  # the stream has ended as cancelled; there is nobody above to tell
    finally:
        registry.discard(stream)


async def _relay(context: StreamContext, message: Message, request: routing.Request) -> None:
    delay, size = settings.STREAMING_CHUNK_DELAY, settings.STREAMING_CHUNK_SIZE
    async with aclosing(routing.complete(request)) as parts, Coalesced(parts, size, delay) as batches:
        async for batch in batches:
            text = "".join(part.text for part in batch if isinstance(part, routing.Token))
            if text:
                await context.emit_chunk(message, text)
            if isinstance(batch[-1], routing.Completed):
                await context.finish(**_end(batch[-1]))


def _end(completed: routing.Completed) -> dict[str, Any]:
    return {
        "finish": Finish.__members__.get(completed.finish.upper(), Finish.STOP),
        "model": completed.model,
        "tier": completed.tier,
        "prompt_tokens": completed.prompt_tokens,
        "completion_tokens": completed.completion_tokens,
        "cost": completed.cost_nano,
        "first_token": completed.first_token_ms,
        "duration": completed.duration_ms,
    }
