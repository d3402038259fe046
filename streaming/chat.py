"""The chat: a source that answers a message with a model's words."""

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any
from uuid import UUID

from channels.db import database_sync_to_async
from django.conf import settings
from django.contrib.auth import get_user_model

from audit import selectors as record
from audit import services as audit_services
from audit.errors import Conflict
from audit.journal import journal
from audit.records import branches
from audit.records.event import NOWHERE, Kind
from audit.records.transcript import Turn
from compression.samples import sampler
from routing_ai import services as routing
from routing_ai.errors import RoutingError
from routing_ai.policy.history import newest
from streaming import database, origin, recorded
from streaming.errors import EmptyPrompt, NameTaken, TooLarge, UnknownStream
from streaming.load import load
from streaming.messages import Message
from streaming.mirror import Mirror
from streaming.protocol.codes import FaultCode, Finish
from streaming.recorded import RecordedStream
from streaming.registry import registry
from streaming.streams import Stream, StreamContext

log = logging.getLogger(__name__)

# Of the conversation so far the model is given the newest turns, up to this many characters.
HISTORY_LIMIT = 6_000
# Of an answer that is read aloud the first chunks are not held up for as long as others: somebody waits in silence for the
# first words that can be spoken.
HURRIED = 8
HURRY = 4


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a program asks for: all the messages that the model gets, and how it is to answer; see `routing.Request`."""

    messages: Sequence[Mapping[str, Any]]
    max_tokens: int
    temperature: float | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    key_id: int | None = None
    hedge_after: float | None = None
    cache: routing.CacheControl | None = None
    only: frozenset[str] = frozenset()


async def ask(message: Message, user: Any) -> Stream | RecordedStream:
    """Put a message on the record, have it answered, and return the stream of the answer.

    A message whose stream exists already is not asked again: its stream is returned. The model sees the questions and
    answers that lead to where the message stands, and no other branch. Raises StreamingError when it cannot be asked (empty,
    too large, too many streams at once, another question under a name that is taken, behind what is not there), and
    audit's NotAllowed for a conversation of somebody else.
    """
    with load.asking(message.priority):
        known = await find(user, message.stream)
        if known is not None:
            asked = known.prompt if isinstance(known, RecordedStream) else known.message
            if asked.text != message.text:
                raise NameTaken("another question was asked under this name before: take a new one")
            return known
        if len(message.text.encode()) > settings.STREAMING_MESSAGE_LIMIT:
            raise TooLarge(
                f"a message has at most {settings.STREAMING_MESSAGE_LIMIT} bytes: shorten it, or send it in parts"
            )
        stream, turns = await _opened(message, user, turns=True)
        question = {"role": "user", "content": message.content or message.text}
        history: list[Mapping[str, Any]] = [*_history(_before(turns, message.after)), question]
        # Who has the same asked once more wants another answer than the one that is kept.
        cache = routing.CacheControl(no_store=True) if _asked_again(message, turns) else None
        await _asked(stream, user, replace(_request(message, history), cache=cache))
    return stream


async def prime(conversation: UUID, after: UUID | None, model: str, user: Any) -> None:
    """Let the model read a conversation whose next question is still being spoken; it will stand behind `after`, as
    `Message` says. Raises AuditError."""
    turns = await database.visit(record.transcript, user, conversation)
    await routing.prime(model, _history(_before(turns, after)))


async def ask_for(message: Message, user: Any, wanted: Wanted) -> Stream:
    """Do as `ask` for a program, which brings the messages so far itself. `message.stream` must be a new name."""
    request = routing.Request(
        user_id=message.user_id,
        messages=wanted.messages,
        model=message.model,
        stream=message.stream,
        max_tokens=wanted.max_tokens,
        temperature=wanted.temperature,
        extra=wanted.extra,
        key_id=wanted.key_id,
        hedge_after=wanted.hedge_after,
        cache=wanted.cache,
        only=wanted.only,
    )
    with load.asking(message.priority):
        stream, _ = await _opened(message, user)
        await _asked(stream, user, request)
    return stream


async def _opened(message: Message, user: Any, *, turns: bool = False) -> tuple[Stream, list[Any]]:
    """Return a stream for the answer to a message that may be asked, and with `turns` those before it."""
    if not message.text.strip():
        raise EmptyPrompt("write something first")
    stream = registry.open(message)
    try:
        before = await database.visit(record.transcript, user, message.conversation) if turns else []
        _check_place(message, before)
        await _claim(stream)
        await journal().room()
    except BaseException:
        registry.discard(stream)
        raise
    return stream, before


async def _asked(stream: Stream, user: Any, request: routing.Request) -> None:
    """Return when the question is on the record. Its answer is under way by then: what reserves the money for it goes to
    disk together with the question, and the model is called behind both."""
    message = stream.message
    prompt = recorded.entry(
        message,
        Kind.PROMPT,
        offset=0,
        text=message.text,
        meta={"requested_model": message.model, **_place(message), **_pictured(message), **message.meta},
    )
    opening = audit_services.opening(user, message.conversation, message.text)
    asked = stream.asked = cache(lambda: journal().put([prompt], opening))
    try:
        _start(stream, replace(request, ready=asked))
        # In its first turn an answer usually comes to reserve its money, and takes the question along to the disk.
        await asyncio.sleep(0)
        await asyncio.shield(asked())
    except asyncio.CancelledError:
        stream.cancel()
        raise
    except Exception:
        # There is no question, so nothing may be said of an answer.
        stream.hand_over()
        registry.discard(stream)
        raise


def _before(turns: Sequence[Turn], after: UUID | None) -> list[Turn]:
    """Return the turns before a question that stands there."""
    return branches.path(turns, branches.newest(turns) if after is None else after)


def _place(message: Message) -> dict[str, str]:
    return {"after": str(message.after)} if message.after is not None else {}


def _pictured(message: Message) -> dict[str, int]:
    pictures = sum(part.get("type") == "image_url" for part in message.content or ())
    return {"pictures": pictures} if pictures else {}


def _check_place(message: Message, turns: Sequence[Turn]) -> None:
    if message.after not in (None, NOWHERE) and all(turn.stream != message.after for turn in turns):
        raise UnknownStream("the question to stand behind is not in this conversation (any more): load it anew")


def _asked_again(message: Message, turns: Sequence[Turn]) -> bool:
    """Return whether the same question stands in the same place already."""
    if message.after is None:
        return False
    after = None if message.after == NOWHERE else message.after
    return any(turn.role == "user" and turn.after == after and turn.text == message.text for turn in turns)


async def find(user: Any, name: UUID) -> Stream | RecordedStream | None:
    """Return the stream of that user, wherever it is written; None when there is none.

    One that a killed server left behind is gone on with, here or in another process, unless it is too old.
    """
    known = registry.get(user.pk, name) or registry.ended.get(user.pk, name)
    if known is not None:
        return known
    kept = await recorded.load(user, name)
    if kept is None or not kept.unended:
        return kept
    if recorded.now_us() - kept.last_at > audit_services.ABANDONED_AFTER * 1_000_000:
        kept.close()
        return kept
    known = registry.get(user.pk, name)  # it may have come while the record was read
    if known is not None:
        return known
    prompt = kept.prompt
    if prompt.meta.get("transport") == "openai" or prompt.meta.get("pictures"):
        # Its program is gone with its line, and what it asked with; of pictures the record has the hash alone.
        kept.close()
        return kept
    model = str(prompt.meta.get("requested_model", ""))
    message = Message(user.pk, prompt.actor, prompt.conversation, name, prompt.text, model)
    stream = registry.mirror(message, kept.epoch)
    stream.publish(kept.events)
    return _mirrored(stream)


def place(stream: Stream | RecordedStream, offset: int, epoch: int) -> int:
    """Return where reading begins for who lacks `offset` and what follows. Raises ResumeImpossible.

    Right behind the end that is the end itself: who has it and does not know that nothing follows would wait for ever.
    """
    stream.check(offset, epoch)
    return offset - 1 if stream.ended and offset == stream.next_offset else offset


async def cancel(stream: Stream) -> None:
    """Stop an answer, wherever it is written; that somebody asked for it goes on the record first."""
    await journal().append([recorded.entry(stream.message, Kind.CONTROL, meta={"action": "cancel"})])
    stream.cancel()


def _mirrored(stream: Stream) -> Stream:
    Mirror(stream, registry.replay, take_over, registry.discard)
    return stream


async def _claim(stream: Stream) -> None:
    """Take the stream as this process's own. Raises Conflict when another process has it."""
    try:
        if not await registry.replay.claim(stream.name):
            raise Conflict("another server answers that already")
    except OSError as error:
        # Nobody can take it away either: an unreachable store makes every stream look owned.
        log.warning("stream %s is not claimed: %s", stream.name, error)


async def take_over(stream: Stream) -> bool:
    """Go on with a stream whose writer is gone; return whether it is this process's own now."""
    message = stream.message
    try:
        if registry.draining or not await registry.replay.claim(stream.name):
            return False
    except OSError as error:
        log.warning("stream %s cannot be taken over yet: %s", stream.name, error)
        return False
    user = await database_sync_to_async(get_user_model().objects.get, thread_sensitive=False)(pk=message.user_id)
    kept = await recorded.load(user, stream.name)
    if kept is None or not kept.unended:
        await registry.replay.release(stream.name)
        if kept is not None:
            stream.resume_from(kept.events)
        return stream.ended
    turns = await database_sync_to_async(record.transcript, thread_sensitive=False)(user, message.conversation)
    begun = stream.resume_from(kept.events)
    registry.adopt(stream)
    log.info("stream %s is gone on with at offset %d", stream.name, stream.next_offset)
    before = next((turn.after for turn in turns if turn.stream == stream.name and turn.role == "user"), None)
    history = _history(branches.path(turns, before))
    _start(stream, _request(message, [*history, {"role": "user", "content": message.text}], begun))
    return True


def _request(message: Message, messages: Sequence[Mapping[str, Any]], begun: str = "") -> routing.Request:
    """Return the question to the router; the answer goes on behind the words that `begun` it."""
    return routing.Request(
        user_id=message.user_id,
        messages=messages,
        model=message.model,
        stream=message.stream,
        begun=begun,
    )


def _start(stream: Stream, request: routing.Request) -> None:
    # A context of its own: the answer outlives the request that asked for it, and must not hold on to its threads.
    own = replace(request, gather=partial(_gathering, stream), chosen=stream.choose)
    stream.source = asyncio.create_task(_answer(stream, own), context=origin.context())


def _gathering(stream: Stream) -> tuple[int, float]:
    size, delay = load.gathering(len(registry))
    spoken = "voice" in stream.message.meta and stream.next_offset < HURRIED
    return size, delay / HURRY if spoken else delay


def _history(turns: list[Any]) -> list[Mapping[str, Any]]:
    """Return the newest turns that fit HISTORY_LIMIT, as a model is told them."""
    return newest([{"role": turn.role, "content": turn.text} for turn in turns], HISTORY_LIMIT)


async def _answer(stream: Stream, request: routing.Request) -> None:
    """Run the model and write its words into the stream."""
    taken = False
    try:
        async with StreamContext(stream) as context:
            try:
                await _relay(context, request)
            except RoutingError as error:
                retry_after = round((error.retry_after or 0) * 1000)
                await context.fail(FaultCode.named(error.code), str(error), retry_after)
    except asyncio.CancelledError:
        pass  # the stream has ended as cancelled; there is nobody above to tell
    except Conflict:
        taken = True
        log.warning("stream %s is written by another process now", stream.name)
    finally:
        stream.source = None
        if taken:
            registry.give_up(stream)
            _mirrored(stream)
        else:
            registry.discard(stream)
            await registry.replay.release(stream.name)


def can_hand_over(stream: Stream) -> bool:
    """Return whether another process could go on with the answer."""
    message = stream.message
    again = not message.by_program and message.content is None
    return again and routing.continues(message.model, [{"role": "user", "content": message.text}])


async def _relay(context: StreamContext, request: routing.Request) -> None:
    stream = context.stream
    said = [request.begun]
    answer = routing.hybrid(request) if settings.ENABLE_HYBRID_STREAMING else routing.complete(request)
    async with aclosing(answer) as parts:
        async for part in parts:
            if isinstance(part, routing.Token):
                said.append(part.text)
                if part.refusal and stream.refused_from is None:
                    stream.refused_from = stream.next_offset
                await context.emit_chunk(stream.message, part.text, tentative=part.draft)
            elif isinstance(part, routing.ToolCalls):
                stream.tool_calls, stream.tools_from = part.calls, stream.next_offset
                await context.emit_chunk(stream.message, _tools_text(part, stream.next_offset > 0))
            else:
                await context.finish(**_end(part))
                sampler.record(stream.message.user_id, "".join(said))


def _tools_text(part: routing.ToolCalls, behind: bool) -> str:
    """Return the tools to be called as text, for the record and for people."""
    code = json.dumps(part.calls, ensure_ascii=False, indent=1)
    return ("\n\n" if behind else "") + f"```json\n{code}\n```"


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
