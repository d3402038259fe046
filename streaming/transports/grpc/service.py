"""The service `aura.v1.Aura`: who calls, what is asked for, and with which status it ends."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from functools import wraps
from typing import Any
from uuid import UUID

from streaming import chat, identity, selectors
from streaming.errors import UnknownStream
from streaming.identifiers import new_identifier
from streaming.messages import KEY_LIMIT, Message, stream_name
from streaming.protocol.codes import CloseCode, FaultCode, Priority
from streaming.recorded import RecordedStream
from streaming.transports.grpc.answers import AnswerFeed, Calls
from streaming.transports.grpc.generated import aura_pb2, aura_pb2_grpc
from streaming.transports.grpc.session import SessionCall
from streaming.transports.grpc.status import Refusal, as_refusals

log = logging.getLogger(__name__)

# Seconds that a cancelled answer has to end in.
CANCEL_PATIENCE = 5.0

Method = Callable[..., Awaitable[Any]]


def for_users(method: Method) -> Method:
    """Call the method with the request, the user and the context, and end the call well whatever it raises."""

    @wraps(method)
    async def wrapped(self: Any, request: Any, context: Any) -> Any:
        try:
            with as_refusals():
                return await method(self, request, await _user_of(context), context)
        except Refusal as refusal:
            ending = refusal
        except Exception:
            if context.done():
                raise asyncio.CancelledError from None  # the client is gone, and with it the line we wrote to
            log.exception("a call failed")
            ending = Refusal.of_fault(FaultCode.INTERNAL, "AURA failed here; what is on the record is safe")
        await ending.end(context)

    return wrapped


async def _user_of(context: Any) -> Any:
    """Return the caller. Raises Refusal for no key, or one that does not count."""
    headers = [
        (name.encode(), value.encode())
        for name, value in context.invocation_metadata() or ()
        if name == "authorization"
    ]
    user = await identity.user_of({"headers": headers})
    if user is None:
        raise Refusal.of_close(CloseCode.UNAUTHENTICATED, "send an API key: metadata authorization: Bearer KEY")
    return user


class AuraService(aura_pb2_grpc.AuraServicer):
    """What the methods do stands in proto/aura/v1/aura.proto."""

    def __init__(self) -> None:
        self._calls = Calls()

    @for_users
    async def Chat(self, request: aura_pb2.ChatRequest, user: Any, context: Any) -> None:
        if len(request.idempotency_key) > KEY_LIMIT:
            raise Refusal.of_fault(FaultCode.TOO_LARGE, f"an idempotency_key has at most {KEY_LIMIT} characters")
        message = Message(
            user_id=user.pk,
            actor=user.get_username(),
            conversation=_uuid(request.conversation, "conversation") if request.conversation else new_identifier(),
            stream=stream_name(user.pk, request.idempotency_key),
            text=request.text,
            model=request.model[:128],
            meta={"method": "raw", "text_bytes": len(request.text.encode()), "wire_bytes": request.ByteSize()},
            priority=_priority(request.priority),
            after=_uuid(request.after, "after") if request.after else None,
        )
        with self._calls.of(user.pk):
            stream = await chat.ask(message, user)
            await AnswerFeed(stream, replace(message, conversation=stream.conversation), context).run(0)

    @for_users
    async def Resume(self, request: aura_pb2.ResumeRequest, user: Any, context: Any) -> None:
        name = _uuid(request.stream, "stream")
        if request.offset and not request.epoch:
            raise Refusal.of_fault(FaultCode.MALFORMED, "an offset needs its epoch")
        with self._calls.of(user.pk):
            stream = await chat.find(user, name)
            if stream is None:
                raise UnknownStream("there is no such answer of yours")
            offset = chat.place(stream, request.offset, request.epoch)
            message = Message(user.pk, user.get_username(), stream.conversation, name, "")
            await AnswerFeed(stream, message, context).run(offset)

    @for_users
    async def Cancel(self, request: aura_pb2.CancelRequest, user: Any, _context: Any) -> aura_pb2.CancelResponse:
        name = _uuid(request.stream, "stream")
        stream = await chat.find(user, name)
        if stream is None:
            raise UnknownStream("there is no such answer of yours")
        if isinstance(stream, RecordedStream) or stream.ended:
            return aura_pb2.CancelResponse(cancelled=False)
        await chat.cancel(stream)
        with suppress(TimeoutError):
            async with asyncio.timeout(CANCEL_PATIENCE):
                async for _ in stream.read(stream.next_offset):
                    pass
        return aura_pb2.CancelResponse(cancelled=stream.ended)

    @for_users
    async def GetStats(self, _request: aura_pb2.GetStatsRequest, _user: Any, _context: Any) -> aura_pb2.Stats:
        counts = selectors.stats()
        return aura_pb2.Stats(
            process=counts["process"],
            uptime_s=counts["uptime_s"],
            connections_open=counts["connections"]["open"],
            connections_opened=counts["connections"]["opened"],
            streams_open=counts["streams"]["open"],
            streams_opened=counts["streams"]["opened"],
            frames_sent=counts["frames"]["sent"],
            frame_bytes=counts["frames"]["bytes"],
            draining=counts["draining"],
        )

    @for_users
    async def Session(self, _requests: Any, user: Any, context: Any) -> None:
        await SessionCall(user, context).run()


def _priority(number: int) -> Priority:
    try:
        return Priority(number)
    except ValueError:
        raise Refusal.of_fault(FaultCode.MALFORMED, f"there is no priority {number}") from None


def _uuid(text: str, field: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Refusal.of_fault(FaultCode.MALFORMED, f"{field}: not a UUID") from None
