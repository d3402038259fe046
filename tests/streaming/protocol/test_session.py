"""Both halves of a session against each other, without a network: what the client reads is the stream."""

import zlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compression.codec.library import Library
from compression.codec.model import Model
from streaming.flow.events import StreamChunk, StreamDone, StreamEvent, StreamFault
from streaming.flow.segment import Segmenter
from streaming.protocol import frames
from streaming.protocol.client import ClientSession, Ended, Failed, Reading, Rewound, TextArrived
from streaming.protocol.codec import SessionCodec, encode_raw
from streaming.protocol.codes import Action, CloseCode, FaultCode, LibraryAction, Mode
from streaming.protocol.errors import FaultError, FrameError
from streaming.protocol.pieces import PieceWriter
from streaming.protocol.session import (
    WAITING_LIMIT,
    CancelAsked,
    Group,
    LibraryAcked,
    ResumeAsked,
    ServerSession,
)

STREAM = bytes(range(16))


def events_of(text_pieces: list[str]) -> list[StreamEvent]:
    segmenter, texts = Segmenter(), []
    for piece in text_pieces:
        segmenter.feed(piece)
        texts += segmenter.take()
    events: list[StreamEvent] = [StreamChunk(offset, text) for offset, text in enumerate(texts)]
    check = zlib.crc32("".join(texts).encode())
    return [*events, StreamDone(len(events), check, model="m", tier="nano")]


class Line:
    """One connection: a server session over a stream that is written step by step, and the client's session."""

    def __init__(self, client: ClientSession, events: list[StreamEvent], model: Model | None = None) -> None:
        self.model = model
        self.writers: dict[int, PieceWriter] = {}
        self.pieces = 0
        self.client = client
        self.events = events
        self.server = ServerSession(bytes(16))
        self.codec = SessionCodec(262_144)
        self.next: dict[int, int] = {}
        self.corrupt = False
        self.sizes: list[int] = []
        self.arrived: list[object] = []
        client.connect()
        self.to_server()

    def to_server(self) -> None:
        out, self.client.to_send = self.client.to_send, []
        for frame in out:
            try:
                asked = self.server.receive(frames.decode(frames.encode(frame)))
            except FaultError as error:
                self.server.fault(error)
                continue
            for event in asked:
                if isinstance(event, ResumeAsked):
                    self.writers.pop(event.channel, None)
                    index = 1 if self.model is not None else 0
                    if self.server.open(event.channel, event.stream, 1, event.offset, bytes(16), index=index):
                        assert self.model is not None
                        self.writers[event.channel] = PieceWriter(self.model, event.stream, 1, event.offset)
                    self.next[event.channel] = event.offset

    def step(self, written: int) -> None:
        """Move everything that can move while the stream has `written` events."""
        moved = True
        while moved:
            moved = False
            for channel in list(self.next):
                while self.next[channel] < written and self.server.wants(channel):
                    self.server.feed(channel, self.events[self.next[channel]])
                    self.next[channel] += 1
                    moved = True
            for frame in self.server.control_frames():
                self.to_client(frame)
            for item in self.server.groups():
                moved = True
                if isinstance(item, Group):
                    self.send(item)
                else:
                    del self.next[item.channel]
                    self.to_client(item)
            self.to_server()

    def send(self, group: Group) -> None:
        writer = self.writers.get(group.channel)
        data = writer.put(group.text) if writer is not None and group.piece else None
        if data is not None:
            self.pieces += 1
            self.sizes.append(1 + len(data))
            if self.corrupt:
                self.corrupt = False
                data = data[:-1] + bytes([data[-1] ^ 1]) if data else b"\x01"
            self.to_client(frames.Piece(group.channel, data))
            return
        if writer is not None:
            writer.note(group.text, group.count)
        encoded = encode_raw(group.text) if group.raw else self.codec.encode(group.text)
        check = frames.chunk_check(group.stream, group.epoch, group.offset, group.count, group.text.encode())
        frame = frames.Chunk(group.channel, check, encoded.data, group.count)
        size = len(frames.encode(frame))
        self.server.spend(group.channel, size)
        self.sizes.append(size)
        if self.corrupt:
            self.corrupt = False
            frame = replace(frame, payload=frame.payload[:-1] + bytes([frame.payload[-1] ^ 1]))
        self.to_client(frame)

    def to_client(self, frame: frames.Frame) -> None:
        data = frames.encode(frame)
        self.arrived += self.client.receive(data, frames.decode(data))


def client_of(mode: Mode) -> tuple[ClientSession, Reading]:
    client = ClientSession(SessionCodec(262_144), mode=mode, pieces=True)
    return client, client.resume(STREAM)


sentences = st.lists(st.text(alphabet="ab c.!?\né", min_size=1, max_size=12), max_size=25)


@settings(max_examples=300, deadline=None)
@given(sentences, st.sampled_from(list(Mode)), st.data())
def test_the_client_reads_the_stream_whatever_happens_to_the_line(
    pieces: list[str], mode: Mode, draw: st.DataObject
) -> None:
    events = events_of(pieces)
    client, reading = client_of(mode)
    line = Line(client, events)
    written = 0
    for _ in range(draw.draw(st.integers(0, 12))):
        match draw.draw(st.sampled_from(["write", "break", "corrupt", "pause", "resume", "mode"])):
            case "write":
                written = min(len(events), written + draw.draw(st.integers(1, 6)))
            case "break":
                line = Line(client, events)
            case "corrupt":
                line.corrupt = True
            case "pause" | "resume" as what:
                client.control(Action.PAUSE if what == "pause" else Action.RESUME)
                line.to_server()
            case "mode":
                client.control(Action.MODE, mode=draw.draw(st.sampled_from(list(Mode))))
                line.to_server()
        line.step(written)
    client.control(Action.RESUME)
    line.to_server()
    line.step(len(events))
    text = "".join(event.text for event in events if isinstance(event, StreamChunk))
    assert reading.text == text
    assert reading.ended
    assert not any(isinstance(event, Failed) for event in line.arrived)
    ends = [event for event in line.arrived if isinstance(event, Ended)]
    if ends:
        assert ends[-1].done.check == zlib.crc32(text.encode())


MODEL = Model(b"Hello there. How are you?\0abc abc. a b c!\0")


@settings(max_examples=200, deadline=None)
@given(sentences, st.data())
def test_pieces_give_the_stream_whatever_happens_to_the_line(pieces: list[str], draw: st.DataObject) -> None:
    events = events_of(pieces)
    client, reading = client_of(Mode.TOKEN)
    client.codec.models[1] = MODEL
    line = Line(client, events, MODEL)
    shown, written, damages = "", 0, 0
    for what in [*draw.draw(st.lists(st.sampled_from(["write", "break", "corrupt", "mode"]), max_size=30)), "end"]:
        match what:
            case "write":
                written = min(len(events), written + draw.draw(st.integers(1, 2)))
            case "break":
                line = Line(client, events, MODEL)
            case "corrupt":
                line.corrupt = True
                damages += 1
            case "mode":
                client.control(Action.MODE, mode=draw.draw(st.sampled_from(list(Mode))))
                line.to_server()
            case "end":
                written, line.corrupt = len(events), False
        line.arrived.clear()
        line.step(written)
        for event in line.arrived:
            if isinstance(event, Failed):
                # What comes damaged twice is given up; pieces without a check behind them are all one place.
                assert damages > 1
                return
            if isinstance(event, TextArrived):
                shown += event.text
            elif isinstance(event, Rewound):
                shown = shown[: len(shown) - event.size]
    assert reading.ended
    assert shown == reading.text == "".join(event.text for event in events if isinstance(event, StreamChunk))


def test_a_chunk_is_a_piece_only_where_the_client_reads_them() -> None:
    events = events_of(["Hello there. ", "How are you?"])
    for reads, mode in ((1, Mode.TOKEN), (0, Mode.TOKEN), (1, Mode.SENTENCE)):
        server = ServerSession(bytes(16))
        server.receive(frames.Hello(version=(1,), mode=mode, pieces=reads))
        assert server.open(1, STREAM, 1, 0, bytes(16), index=1) == reads
        server.feed(1, events[0])
        server.feed(1, StreamDone(1))
        group = next(iter(server.groups()))
        assert isinstance(group, Group)
        assert group.piece == (bool(reads) and mode == Mode.TOKEN)


def test_damage_is_found_behind_the_sentence_and_comes_again_as_chunks() -> None:
    events = events_of(["Hello there. ", "How are you?"])
    client, reading = client_of(Mode.TOKEN)
    client.codec.models[1] = MODEL
    line = Line(client, events, MODEL)
    for written in range(1, len(events) + 1):
        line.corrupt = written == 1
        line.step(written)
    assert reading.text == "Hello there. How are you?"
    assert line.pieces > 0
    assert any(isinstance(event, Rewound) for event in line.arrived)
    assert reading.ended


@given(sentences)
def test_every_mode_gives_the_same_text_in_its_own_groups(pieces: list[str]) -> None:
    events = events_of(pieces)
    parts: dict[Mode, list[str]] = {}
    for mode in Mode:
        client, reading = client_of(mode)
        line = Line(client, events)
        for written in range(1, len(events) + 1):
            line.step(written)
        parts[mode] = [event.text for event in line.arrived if isinstance(event, TextArrived)]
        assert reading.text == "".join(event.text for event in events if isinstance(event, StreamChunk))
    assert len(parts[Mode.COMPLETE]) <= 1
    assert parts[Mode.TOKEN] == [event.text for event in events if isinstance(event, StreamChunk)]
    assert len(parts[Mode.COMPLETE]) <= len(parts[Mode.SENTENCE]) <= len(parts[Mode.TOKEN])


def test_an_end_that_crosses_a_resume_is_not_the_end() -> None:
    events = events_of(["Only this."])
    client, reading = client_of(Mode.COMPLETE)
    line = Line(client, events)
    line.server.feed(1, events[0])
    line.server.feed(1, events[1])
    (opening,) = line.server.control_frames()
    group, done = line.server.groups()
    assert isinstance(group, Group)
    line.to_client(opening)
    line.corrupt = True
    line.send(group)
    # The client has asked again by now; the end was sent before the server heard of it.
    line.to_client(done)
    assert not reading.ended
    line.to_server()
    line.step(len(events))
    assert reading.text == "Only this."
    assert isinstance(line.arrived[-1], Ended)


def test_an_end_that_does_not_fit_is_refused() -> None:
    client, reading = client_of(Mode.TOKEN)
    client.receive(b"", frames.Open(1, STREAM, 1, 0, bytes(16)))
    for end in (frames.Done(1, offset=3), frames.Done(1, offset=0, check=7)):
        with pytest.raises(FrameError):
            client.receive(b"", end)
    assert not reading.ended


def test_sentences_arrive_as_soon_as_they_end() -> None:
    events = events_of(["One. ", "Two", "! Three", "."])
    client, _ = client_of(Mode.SENTENCE)
    line = Line(client, events)
    seen = []
    for written in range(1, len(events) + 1):
        line.step(written)
        seen.append("".join(event.text for event in line.arrived if isinstance(event, TextArrived)))
    assert seen == ["", "One.", "One.", "One.", "One. Two!", "One. Two!", "One. Two! Three."]


def test_without_credit_nothing_more_is_sent_or_asked_for() -> None:
    events = events_of(["word " * 400] * 400)
    client, reading = client_of(Mode.TOKEN)
    line = Line(client, events)
    line.codec.plain = True
    line.client._used = -(10**9)  # a client that never gives credit back
    line.step(len(events))
    assert 262_144 <= sum(line.sizes) < 262_144 + max(line.sizes)
    assert not line.server.wants(1)
    assert not reading.ended
    line.server.receive(frames.Ack(0, 0, 10**9))
    line.step(len(events))
    assert reading.ended
    assert line.server.credit <= 16 * 1024 * 1024


def test_two_streams_take_turns() -> None:
    session = ServerSession(bytes(16))
    session.receive(frames.Hello(version=(1,), mode=Mode.TOKEN, credit=16_777_216))
    for channel in (1, 2):
        session.open(channel, bytes([channel]) * 16, 1, 0, bytes(16))
        for offset in range(3):
            session.feed(channel, StreamChunk(offset, "x" * 60_000))
        session.feed(channel, StreamDone(3))
    order = []
    for item in session.groups():
        order.append(item.channel)
        if isinstance(item, Group):
            session.spend(item.channel, 60_000)
    assert order == [1, 2, 1, 2, 1, 2, 1, 2]


def test_a_fault_ends_a_stream_with_its_offset() -> None:
    session = ServerSession(bytes(16))
    session.receive(frames.Hello(version=(1,)))
    session.open(1, STREAM, 1, 0, bytes(16))
    session.feed(1, StreamFault(0, FaultCode.PROVIDER_CUT, "cut", 500))
    assert list(session.groups()) == [frames.Fault(1, FaultCode.PROVIDER_CUT, "cut", 1, 500, offset=1)]


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ([frames.Ping()], CloseCode.BAD_FRAME),
        ([frames.Hello(version=(7,))], CloseCode.UNSUPPORTED_VERSION),
        ([frames.Hello(version=(1,))] * 2, CloseCode.BAD_FRAME),
        ([frames.Hello(version=(1,)), frames.Done(1)], CloseCode.BAD_FRAME),
    ],
    ids=["before hello", "version", "hello twice", "a server's frame"],
)
def test_what_breaks_the_order_ends_the_session(sent: list[frames.Frame], code: CloseCode) -> None:
    session = ServerSession(bytes(16))
    with pytest.raises(FrameError) as caught:
        for frame in sent:
            session.receive(frame)
    assert caught.value.close_code == code


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (frames.Resume(1, b""), FaultCode.MALFORMED),
        (frames.Resume(9, STREAM, 0, 4), FaultCode.MALFORMED),
        (frames.Resume(1, bytes(16)), FaultCode.CONFLICT),
        (frames.Prompt(1, bytes(16)), FaultCode.CONFLICT),
        (frames.Resume(3, bytes(16)), FaultCode.TOO_MANY_STREAMS),
        (frames.Control(1, 99), FaultCode.MALFORMED),
        (frames.Control(1, Action.MODE, 7), FaultCode.MALFORMED),
        (frames.LibraryNotice(0, 77), FaultCode.MALFORMED),
    ],
)
def test_what_cannot_be_is_answered_by_a_fault_and_the_session_goes_on(frame: frames.Frame, code: FaultCode) -> None:
    session = ServerSession(bytes(16), channel_limit=2)
    session.receive(frames.Hello(version=(1,)))
    session.open(1, STREAM, 1, 0, bytes(16))
    if frame.channel != 9:
        session.open(2, bytes([2]) * 16, 1, 0, bytes(16))
    with pytest.raises(FaultError) as caught:
        session.receive(frame)
    assert caught.value.code == code
    assert session.receive(frames.Ping(b"x")) == []
    assert session.control_frames()[-1] == frames.Pong(b"x")


def test_cancel_names_the_streams() -> None:
    session = ServerSession(bytes(16))
    session.receive(frames.Hello(version=(1,)))
    session.open(4, STREAM, 1, 0, bytes(16))
    assert session.receive(frames.Control(4, Action.CANCEL)) == [CancelAsked(4, STREAM)]
    assert session.receive(frames.Control(0, Action.CANCEL)) == [CancelAsked(4, STREAM)]
    assert session.receive(frames.Control(5, Action.CANCEL)) == []


def test_an_acknowledged_library_is_used_and_a_retired_one_is_not() -> None:
    library = Library.from_manifest(
        b'{"format":"aura.library/1","templates":[{"id":0,"parts":["Hello! How can I help you today?"]}]}'
    )
    client = ClientSession(SessionCodec(262_144))
    client.connect()
    offer = frames.LibraryNotice(0, LibraryAction.OFFER, 3, bytes.fromhex(library.hash))
    (offered,) = client.receive(b"", offer)
    client.codec.use(offered.index, library)
    client.library_ready(offered.index)
    server = ServerSession(bytes(16))
    acked = [event for frame in client.to_send for event in server.receive(frame)]
    assert LibraryAcked(3) in acked
    reading = client.ask("Hello! How can I help you today?", STREAM)
    assert client.to_send[-1].payload == b"\x19\x00"
    client.receive(b"", frames.LibraryNotice(0, LibraryAction.RETIRE, 3))
    client.ask("Hello! How can I help you today?", bytes(16))
    assert client.to_send[-1].payload[0] & 7 != 1
    # On another connection the index means nothing: what is sent again is not coded with it.
    client.connect()
    again = [frame for frame in client.to_send if frame.channel == reading.channel]
    assert again[0].payload[0] & 7 != 1


def test_a_client_that_asks_and_never_reads_is_let_go() -> None:
    session = ServerSession(bytes(16))
    session.receive(frames.Hello(version=(1,)))
    with pytest.raises(FrameError) as caught:
        # Nothing takes `control_frames`: the line is full.
        for _ in range(WAITING_LIMIT + 1):
            session.receive(frames.Ping(b"x"))
    assert caught.value.close_code == CloseCode.OVERLOADED
    assert len(session.control_frames()) == WAITING_LIMIT
    session.receive(frames.Ping(b"x"))
