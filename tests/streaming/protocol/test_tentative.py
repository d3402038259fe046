"""Tentative text: the vectors, and that it never passes for what was said."""

import json

from hypothesis import given
from hypothesis import strategies as st

from streaming.flow.events import StreamChunk
from streaming.protocol import frames
from streaming.protocol.client import ClientSession, Suggested
from streaming.protocol.codec import SessionCodec, encode_raw
from streaming.protocol.codes import Mode
from streaming.protocol.session import Group, ServerSession
from streaming.protocol.tentative import LIMIT, confirmed
from tests.vectors import tentative as vectors

STREAM = bytes(range(16))


def test_the_file_of_vectors_is_what_the_code_makes() -> None:
    assert vectors.make() == json.loads(vectors.FILE.read_text())


def test_the_rest_of_a_draft_stays_and_a_contradicted_one_goes() -> None:
    assert confirmed(" can return it", " can") == " return it"
    assert confirmed(" can return it", " cannot") == ""
    assert confirmed(" can", " can return") == ""


def served(mode: Mode, *, shows: bool = True) -> ServerSession:
    server = ServerSession(bytes(16))
    server.receive(frames.Hello(version=(1,), mode=mode, tentative=int(shows)))
    server.open(1, STREAM, 1, 0, bytes(16))
    return server


def groups(server: ServerSession) -> list[Group]:
    return [item for item in server.groups() if isinstance(item, Group)]


def test_who_does_not_ask_for_tentative_text_gets_none() -> None:
    server = served(Mode.TOKEN, shows=False)
    server.feed(1, StreamChunk(0, "You"), " can")
    assert [item.tentative for item in groups(server)] == [False]


def test_what_needs_credit_waits_for_it() -> None:
    server = served(Mode.TOKEN)
    server.feed(1, StreamChunk(0, "You"), " can")
    server.credit = 0
    assert groups(server) == []
    server.receive(frames.Ack(0, 0, 1_000))
    assert [item.text for item in groups(server)] == ["You", " can"]


def test_a_long_one_is_not_shown() -> None:
    server = served(Mode.SENTENCE)
    server.feed(1, StreamChunk(0, "a" * LIMIT), " b")
    assert groups(server) == []
    server.feed(1, StreamChunk(1, "."), "")
    assert groups(server) == []


def test_after_a_damaged_chunk_nothing_tentative_is_left() -> None:
    client = ClientSession(SessionCodec(262_144), mode=Mode.TOKEN, tentative=True)
    client.connect()
    reading = client.resume(STREAM)
    opening = frames.Open(1, STREAM, 1, 0, bytes(16))
    hint = frames.Tentative(1, frames.chunk_check(STREAM, 1, 0, 0, b"You"), encode_raw("You").data)
    for frame in (opening, hint):
        client.receive(frames.encode(frame), frame)
    assert reading.tentative == "You"
    damaged = frames.Chunk(1, 0, encode_raw("You").data)
    client.receive(frames.encode(damaged), damaged)
    assert (reading.text, reading.tentative, reading.waiting) == ("", "", True)
    # What was under way behind it belongs to the time before.
    assert client.receive(frames.encode(hint), hint) == []
    assert reading.tentative == ""


@given(
    st.lists(st.tuples(st.text(min_size=1, max_size=12), st.text(max_size=12)), min_size=1, max_size=12),
    st.sampled_from([Mode.SENTENCE, Mode.TOKEN]),
)
def test_text_and_tentative_text_are_what_stands_and_what_is_expected(
    chunks: list[tuple[str, str]], mode: Mode
) -> None:
    server, client = served(mode), ClientSession(SessionCodec(262_144), mode=mode, tentative=True)
    client.connect()
    reading = client.resume(STREAM)
    (opening,) = server.control_frames()
    client.receive(frames.encode(opening), opening)
    said = ""
    for offset, (text, draft) in enumerate(chunks):
        said += text
        server.feed(1, StreamChunk(offset, text), draft)
        for group in groups(server):
            check = frames.chunk_check(group.stream, group.epoch, group.offset, group.count, group.text.encode())
            payload = encode_raw(group.text).data
            frame = (
                frames.Tentative(1, check, payload) if group.tentative else frames.Chunk(1, check, payload, group.count)
            )
            events = client.receive(frames.encode(frame), frame)
            assert [type(event) is Suggested for event in events] == [group.tentative]
        assert said.startswith(reading.text)
        assert reading.text + reading.tentative == (said + draft if draft else reading.text)
