"""What a session sends: streams that come to their readers while the line is free, full, or gone."""

import asyncio
from collections.abc import Sequence
from uuid import UUID, uuid4

import pytest
from channels.db import database_sync_to_async
from django.contrib.auth import get_user_model

from audit import services
from audit.journal import journal
from streaming.channels import Channels
from streaming.flow.events import StreamChunk, StreamDone, StreamEvent
from streaming.flow.log import StreamLog
from streaming.messages import Message
from streaming.protocol import frames
from streaming.protocol.codec import SessionCodec
from streaming.protocol.codes import Mode
from streaming.protocol.frames import Chunk, Done, Frame
from streaming.protocol.session import ServerSession
from streaming.streams import Stream

pytestmark = pytest.mark.django_db(transaction=True)

LIMIT = 65_536


class Session:
    """The channels of one client, over a line that the test fills and frees."""

    def __init__(self, user: object) -> None:
        self.sent: list[Frame] = []
        self.free = asyncio.Event()
        self.free.set()
        self.waiting = asyncio.Event()
        self.broken: list[BaseException] = []
        protocol = ServerSession(b"s" * 16)
        list(protocol.receive(frames.Hello(version=(frames.VERSION,), mode=Mode.TOKEN, credit=1_000_000)))
        self.codec = SessionCodec(LIMIT)
        self.channels = Channels(user, b"s" * 16, protocol, self.codec, self._transmit)

    def open(self, number: int, stream: Stream) -> None:
        """Begin to read, as a session does when a frame has asked for it."""
        self.channels.open(number, stream, stream.message, 0)
        self.channels.wake()

    async def _transmit(self, out: list[Frame]) -> int:
        try:
            if not self.free.is_set():
                self.waiting.set()
                await self.free.wait()
        except BaseException as error:
            self.broken.append(error)
            raise
        self.sent += out
        return 10 * len(out)

    def fill(self) -> None:
        """Let nothing more onto the line."""
        self.free.clear()
        self.waiting.clear()

    async def until_done(self, *numbers: int) -> None:
        """Return when those channels have come to their end."""
        async with asyncio.timeout(10):
            while not set(numbers) <= {frame.channel for frame in self.sent if isinstance(frame, Done)}:
                await asyncio.sleep(0.005)

    def chunks(self, number: int) -> list[Chunk]:
        return [frame for frame in self.sent if isinstance(frame, Chunk) and frame.channel == number]

    def text(self, number: int) -> str:
        return "".join(self.codec.decode(chunk.payload) for chunk in self.chunks(number))


@pytest.fixture
async def user() -> object:
    return await database_sync_to_async(get_user_model().objects.create_user)("ada")


async def streamed(user: object) -> Stream:
    conversation = uuid4()
    await database_sync_to_async(services.open_conversation)(user, conversation, "Hello")
    message = Message(user.pk, "ada", conversation, uuid4(), "Hello")  # type: ignore[attr-defined]
    return Stream(message, journal(), window=1_000_000, grace=60)


def say(stream: Stream, *texts: str, end: bool = False) -> None:
    first = stream.next_offset
    stream.publish([StreamChunk(first + number, text) for number, text in enumerate(texts)])
    if end:
        stream.publish([StreamDone(stream.next_offset)])


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_words_that_come_together_are_one_frame_and_those_that_come_alone_go_at_once(user: object) -> None:
    session, stream = Session(user), await streamed(user)
    session.open(1, stream)
    await turns()
    for word in ("One", " two"):
        say(stream, word)
        await turns()
    say(stream, " three", " four", " five")
    await turns()
    say(stream, end=True)
    await session.until_done(1)
    assert session.text(1) == "One two three four five"
    assert [chunk.count for chunk in session.chunks(1)] == [1, 1, 3]
    await session.channels.leave(leaving=True)


async def test_an_answer_that_begins_while_another_waits_for_the_line_is_not_kept_waiting_by_it(user: object) -> None:
    session, first, then = Session(user), await streamed(user), await streamed(user)
    session.open(1, first)
    await turns()
    session.fill()
    say(first, "One")
    await session.waiting.wait()
    session.open(2, then)
    expected: dict[int, Sequence[str]] = {1: [f" a{n}" for n in range(200)], 2: [f" b{n}" for n in range(200)]}
    session.free.set()
    for number in range(200):
        say(first, expected[1][number])
        say(then, expected[2][number])
        await turns(number % 4)
    say(first, end=True)
    say(then, end=True)
    await session.until_done(1, 2)
    assert session.text(1) == "One" + "".join(expected[1])
    assert session.text(2) == "".join(expected[2])
    assert not session.broken
    await session.channels.leave(leaving=True)


async def test_a_channel_that_is_taken_for_another_answer_while_it_sends_breaks_nothing(user: object) -> None:
    session, first, then = Session(user), await streamed(user), await streamed(user)
    session.open(1, first)
    await turns()
    session.fill()
    say(first, "One")
    await session.waiting.wait()
    session.open(1, then)
    say(then, "Two")
    session.free.set()
    session.fill()
    await session.waiting.wait()
    # The line is full again, of what the other one says: what was read before is let go of all the same.
    await turns()
    assert session.text(1) == "One"
    assert not first.watched
    say(then, " three", end=True)
    session.free.set()
    await session.until_done(1)
    opened = [UUID(bytes=frame.stream) for frame in session.sent if isinstance(frame, frames.Open)]
    assert opened == [first.name, then.name]
    assert session.text(1) == "OneTwo three"
    assert not session.broken
    assert not first.watched
    await session.channels.leave(leaving=True)


async def test_who_leaves_while_a_word_waits_for_the_line_ends_it_all(user: object) -> None:
    session, stream = Session(user), await streamed(user)
    session.open(1, stream)
    await turns()
    session.fill()
    say(stream, "One")
    await session.waiting.wait()
    async with asyncio.timeout(10):
        await session.channels.leave(leaving=True)
    assert [type(error) for error in session.broken] == [asyncio.CancelledError]
    assert not stream.watched
    assert not session.chunks(1)


@pytest.mark.parametrize("error", [ConnectionError, RuntimeError])
async def test_a_line_that_breaks_stops_no_reading_and_who_leaves_ends_it(user: object, error: type[Exception]) -> None:
    session, stream = Session(user), await streamed(user)
    stream.source = asyncio.create_task(asyncio.sleep(60))

    async def transmit(_out: list[Frame]) -> int:
        raise error("the line is gone")

    session.open(1, stream)
    await turns()
    session.channels._transmit = transmit
    for word in ("One", " two", " three"):
        say(stream, word)
        await turns()
    assert stream.watched
    assert stream.slowest == 3
    await session.channels.leave(leaving=True)
    assert not stream.watched
    assert stream.source.cancelling()


async def test_a_stream_that_cannot_be_read_on_is_waited_for_and_not_for_ever(user: object) -> None:
    session, stream = Session(user), await streamed(user)
    stream._grace = 0.05
    stream.source = asyncio.create_task(asyncio.sleep(60))

    async def broken(*_: object) -> Sequence[StreamEvent]:
        raise RuntimeError("the record cannot be read")

    stream._log = StreamLog(10)
    stream._older = broken  # type: ignore[method-assign]
    say(stream, *["more than the memory of a stream keeps"] * 2)
    session.open(1, stream)
    async with asyncio.timeout(10):
        while not any(isinstance(frame, frames.Fault) for frame in session.sent):
            await asyncio.sleep(0.005)
        assert not stream.source.cancelling()
        while not stream.source.cancelling():
            await asyncio.sleep(0.005)
    await session.channels.leave(leaving=True)
