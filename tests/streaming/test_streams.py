"""Streams on a real record: numbering, readers, backpressure, and every way to end."""

import asyncio
import zlib
from unittest.mock import AsyncMock
from uuid import UUID, uuid4

import pytest
from channels.db import database_sync_to_async
from django.contrib.auth import get_user_model

from audit import selectors, services
from audit.errors import RecordUnavailable
from audit.journal import Journal, journal
from streaming import recorded
from streaming.errors import ResumeImpossible
from streaming.flow.events import StreamChunk, StreamDone, StreamEvent, StreamFault
from streaming.messages import Message
from streaming.protocol.codes import FaultCode, Finish
from streaming.streams import READ_AHEAD, UNRECORDED, Stream, StreamContext

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def message() -> Message:
    user = await database_sync_to_async(get_user_model().objects.create_user)("ada")
    conversation = uuid4()
    await database_sync_to_async(services.open_conversation)(user, conversation, "Hello")
    message = Message(user.pk, "ada", conversation, uuid4(), "Hello")
    await journal().append([recorded.entry(message, recorded.Kind.PROMPT, offset=0, text="Hello")])
    return message


def stream_of(message: Message, window: int = 1_000_000, grace: float = 60) -> Stream:
    return Stream(message, journal(), window=window, grace=grace)


async def read_all(stream: Stream, offset: int = 0) -> list[StreamEvent]:
    return [event async for event in stream.read(offset)]


async def test_chunks_are_numbered_recorded_and_read_in_order(message: Message) -> None:
    stream = stream_of(message)
    reader = asyncio.create_task(read_all(stream))
    async with StreamContext(stream) as context:
        await context.emit_chunk(message, "One. Two")
        assert await context.emit_chunk(message, ".", meta={"model": "m"}, done=True) == 4
    events = await reader
    text = "One. Two."
    assert events == [
        StreamChunk(0, "One."),
        StreamChunk(1, " Two"),
        StreamChunk(2, "."),
        StreamDone(3, zlib.crc32(text.encode()), model="m"),
    ]
    assert "".join([piece async for piece in stream]) == text
    found = await recorded.load(message.user_id, message.stream)
    assert found is not None
    assert [event async for event in found.read()] == events


async def test_tentative_text_stands_behind_the_newest_event_alone_and_never_on_the_record(message: Message) -> None:
    stream = stream_of(message)
    async with StreamContext(stream) as context:
        await context.emit_chunk(message, "You. Can", tentative=" return it")
        assert [stream.tentative_behind(offset) for offset in (0, 1, 2)] == ["", " return it", ""]
        await context.emit_chunk(message, " return", done=True)
    assert stream.tentative_behind(3) == ""
    found = await recorded.load(message.user_id, message.stream)
    assert found is not None
    assert [event.text for event in found.events if isinstance(event, StreamChunk)] == ["You.", " Can", " return"]


async def test_nothing_is_read_before_it_is_on_the_record(message: Message) -> None:
    stream = stream_of(message)
    kept: list[int] = []

    async def read() -> None:
        async for event in stream.read():
            on_record = await database_sync_to_async(selectors.stream_history)(message.user_id, message.stream)
            kept.append(len(on_record) - event.offset)

    reader = asyncio.create_task(read())
    async with StreamContext(stream) as context:
        for number in range(30):
            await context.emit_chunk(message, f"word{number} ")
        await context.finish()
    await reader
    assert len(kept) == 31
    assert min(kept) >= 1


async def test_a_reader_joins_late_and_gets_what_memory_has_dropped(message: Message) -> None:
    stream = stream_of(message, window=10)
    async with StreamContext(stream) as context:
        for number in range(20):
            await context.emit_chunk(message, f" word{number}")
        await context.finish()
    events = await read_all(stream, 3)
    assert [event.offset for event in events] == list(range(3, 21))
    with pytest.raises(ResumeImpossible):
        stream.check(22, 1)
    with pytest.raises(ResumeImpossible):
        stream.check(0, 2)


async def test_a_slow_reader_holds_the_source_back(message: Message) -> None:
    stream = stream_of(message)
    reading = stream.read()
    written = 0

    async def write() -> None:
        nonlocal written
        async with StreamContext(stream) as context:
            for _ in range(200):
                await context.emit_chunk(message, "x" * 1000)
                written += 1000
            await context.finish()

    first = asyncio.create_task(anext(reading))
    writer = asyncio.create_task(write())
    await first
    await asyncio.sleep(0.3)
    assert written <= READ_AHEAD + 2000
    assert not writer.done()
    rest = [event async for event in reading]
    await writer
    assert len(rest) == 200


@pytest.mark.parametrize(
    ("stop", "end"),
    [("cancel", (StreamDone, Finish.CANCELLED)), ("interrupt", (StreamFault, FaultCode.INTERRUPTED))],
)
async def test_a_source_that_is_ended_ends_its_stream(message: Message, stop: str, end: tuple) -> None:
    stream = stream_of(message)

    async def write() -> None:
        async with StreamContext(stream) as context:
            while True:
                await context.emit_chunk(message, "on and ")

    stream.source = asyncio.create_task(write())
    async for event in stream.read():
        if event.offset == 5:
            stream.cancel() if stop == "cancel" else stream.interrupt("bye")
    kind, code = end
    assert isinstance(event, kind)
    assert (event.finish if isinstance(event, StreamDone) else event.code) == code
    found = await recorded.load(message.user_id, message.stream)
    assert found is not None
    on_record = [kept async for kept in found.read()]
    assert on_record[-1] == event
    assert [kept.offset for kept in on_record] == list(range(event.offset + 1))


async def test_a_second_cancel_does_not_break_off_the_end(message: Message) -> None:
    stream = stream_of(message)

    async def write() -> None:
        async with StreamContext(stream) as context:
            try:
                while True:
                    await context.emit_chunk(message, "on and ")
            finally:
                # A client that leaves while the provider lets go, which breaks when it is disturbed.
                asyncio.get_running_loop().call_soon(stream.cancel)
                try:
                    await asyncio.sleep(0.01)
                except asyncio.CancelledError:
                    raise RuntimeError("already running") from None

    stream.source = asyncio.create_task(write())
    async for event in stream.read():
        if event.offset == 5:
            stream.cancel()
    assert isinstance(event, StreamDone)
    assert event.finish == Finish.CANCELLED


async def test_a_source_that_breaks_ends_its_stream_with_a_fault(message: Message) -> None:
    stream = stream_of(message)
    async with StreamContext(stream) as context:
        await context.emit_chunk(message, "so far")
        raise RuntimeError("a bug")
    events = await read_all(stream)
    assert isinstance(events[-1], StreamFault)
    assert events[-1].code == FaultCode.INTERNAL
    assert "bug" not in events[-1].message


async def test_a_record_that_is_away_for_a_moment_leaves_the_stream_to_be_gone_on_with(
    message: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = stream_of(message)
    async with StreamContext(stream) as context:
        await context.emit_chunk(message, "so far. ")
        with monkeypatch.context() as away:
            away.setattr(Journal, "keep", AsyncMock(side_effect=RecordUnavailable("gone")))
            # The record is back before the block is left: no end is on it all the same.
            try:
                await context.emit_chunk(message, "and on. ")
            finally:
                away.undo()
    end = (await read_all(stream))[-1]
    assert isinstance(end, StreamFault)
    assert (end.code, end.message) == (FaultCode.INTERNAL, UNRECORDED)
    assert not stream.end_is_recorded
    assert not any(isinstance(event, StreamFault) for event in await stream.on_record(0))


async def test_a_stream_without_readers_is_cancelled_after_the_grace(message: Message) -> None:
    stream = stream_of(message, grace=0.05)

    async def write() -> None:
        async with StreamContext(stream) as context:
            while True:
                await context.emit_chunk(message, "on and ")
                await asyncio.sleep(0.01)

    stream.source = asyncio.create_task(write())
    reading = stream.read()
    await anext(reading)
    await reading.aclose()
    stream.release(leaving=False)
    await asyncio.wait([stream.source], timeout=10)
    assert stream.ended


async def test_the_parent_must_be_the_streams_own(message: Message) -> None:
    stream = stream_of(message)
    other = Message(message.user_id, "ada", message.conversation, UUID(int=5), "")
    async with StreamContext(stream) as context:
        with pytest.raises(ValueError, match="another stream"):
            await context.emit_chunk(other, "text")
        await context.finish()


async def test_a_stream_that_nobody_goes_on_with_is_given_an_end(message: Message) -> None:
    stream = stream_of(message)
    await stream.append(["half an"])
    assert await database_sync_to_async(services.heal_interrupted)() == 0
    assert await database_sync_to_async(services.heal_interrupted)(quiet=0) == 1
    assert await database_sync_to_async(services.heal_interrupted)(quiet=0) == 0
    found = await recorded.load(message.user_id, message.stream)
    assert found is not None
    events = [event async for event in found.read()]
    assert [type(event) for event in events] == [StreamChunk, StreamFault]
    assert events[-1].code == FaultCode.INTERRUPTED
