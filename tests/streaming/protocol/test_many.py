"""Many channels over one bad line: streams of all priorities and a topic with a filter, broken, damaged, paused."""

import json
import zlib
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from streaming.flow.events import StreamChunk, StreamDone, StreamEvent
from streaming.flow.filters import Filter
from streaming.protocol import frames
from streaming.protocol.client import ClientSession, EventArrived, Published, Reading
from streaming.protocol.codec import SessionCodec, encode_raw
from streaming.protocol.codes import Action, Mode, Priority, Reliability
from streaming.protocol.requests import Acked, PublishAsked, ResumeAsked, SessionEvent, SubscribeAsked
from streaming.protocol.session import Group, ServerSession

TOPIC = bytes(range(100, 116))
WANTED = json.dumps({"even": True})


class World:
    """What outlives every connection: the streams, the topic, positions that the server keeps, ids it has seen."""

    def __init__(self, streams: list[list[StreamEvent]]) -> None:
        self.streams = {bytes([number]) * 16: events for number, events in enumerate(streams)}
        self.topic: list[StreamChunk] = []
        self.kept = 0
        self.ids: dict[bytes, int] = {}

    def publish(self, identifier: bytes, text: str) -> int:
        if identifier not in self.ids:
            self.ids[identifier] = len(self.topic)
            self.topic.append(StreamChunk(len(self.topic), text))
        return self.ids[identifier]


class Line:
    """One connection of the client to the world."""

    def __init__(self, world: World, client: ClientSession) -> None:
        self.world = world
        self.client = client
        self.server = ServerSession(bytes(16))
        self.feeds: dict[int, tuple[list[StreamEvent], int, bool]] = {}
        self.damage = False
        self.arrived: list[object] = []
        client.connect()

    def to_server(self) -> None:
        out, self.client.to_send = self.client.to_send, []
        for frame in out:
            for event in self.server.receive(frames.decode(frames.encode(frame))):
                self.act(event)

    def act(self, event: SessionEvent) -> None:
        match event:
            case ResumeAsked():
                self.server.open(event.channel, event.stream, 1, event.offset, bytes(16), priority=event.priority)
                self.feeds[event.channel] = (self.world.streams[event.stream], event.offset, False)
            case SubscribeAsked():
                frame = event.frame
                start = frame.offset if frame.epoch else len(self.world.topic)
                if event.reliability == Reliability.AT_LEAST_ONCE and not frame.epoch:
                    start = self.world.kept
                self.server.open(frame.channel, TOPIC, 1, start, b"", topic=frame.topic, priority=event.priority)
                self.feeds[frame.channel] = (self.world.topic, start, True)  # type: ignore[assignment]
            case PublishAsked():
                text = self.client.codec.decode(event.frame.payload)
                offset = self.world.publish(event.frame.id, text)
                self.server.send(frames.Publish(0, event.frame.id, epoch=1, offset=offset))
            case Acked():
                self.world.kept = max(self.world.kept, event.offset)

    def step(self, budget: int) -> None:
        """Move frames until `budget` of them have gone to the client, or nothing moves."""
        wanted = Filter.parse(WANTED)
        moved = True
        while moved and budget > 0:
            moved = False
            self.to_server()
            for channel, (events, begun, topic) in list(self.feeds.items()):
                at = begun
                while at < len(events) and self.server.wants(channel):
                    event = events[at]
                    at += 1
                    if not topic or wanted.passes(json.loads(event.text)):  # type: ignore[union-attr]
                        self.server.feed(channel, event)
                self.feeds[channel] = (events, at, topic)
            for frame in self.server.control_frames():
                self.to_client(frame)
            for item in self.server.groups():
                moved = True
                budget -= 1
                self.to_client(self.frame_of(item) if isinstance(item, Group) else item)
                if not isinstance(item, Group):
                    self.feeds.pop(item.channel, None)
                if budget <= 0:
                    break
            self.to_server()

    def frame_of(self, group: Group) -> frames.Frame:
        check = frames.chunk_check(group.stream, group.epoch, group.offset, group.count, group.text.encode())
        data = encode_raw(group.text).data
        if self.damage:
            self.damage, data = False, data[:-1] + bytes([data[-1] ^ 1])
        frame: frames.Frame = frames.Chunk(group.channel, check, data, group.count)
        if group.topic:
            frame = frames.Event(group.channel, group.passed, check, data)
        self.server.spend(group.channel, len(frames.encode(frame)))
        return frame

    def to_client(self, frame: frames.Frame) -> None:
        data = frames.encode(frame)
        self.arrived += self.client.receive(data, frames.decode(data))


def stream(texts: list[str]) -> list[StreamEvent]:
    chunks = [StreamChunk(offset, text) for offset, text in enumerate(texts)]
    return [*chunks, StreamDone(len(texts), zlib.crc32("".join(texts).encode()))]


texts = st.lists(st.text("ab .", min_size=1, max_size=20), max_size=12)


@settings(max_examples=200, deadline=None)
@given(st.lists(texts, min_size=1, max_size=4), st.sampled_from(list(Mode)), st.data())
def test_every_channel_is_whole_whatever_happens_to_the_line(
    written: list[list[str]], mode: Mode, data: st.DataObject
) -> None:
    world = World([stream(texts) for texts in written])
    client = ClientSession(SessionCodec(262_144), mode=mode)
    readings: list[Reading] = []
    for name in world.streams:
        reading = client.resume(name)
        first = client.to_send.pop()
        client.to_send.append(replace(first, priority=data.draw(st.sampled_from(list(Priority)))))  # type: ignore[type-var]
        readings.append(reading)
    client.to_send = []
    exact = client.subscribe("t", epoch=1, wanted=WANTED)
    least = client.subscribe("t", wanted=WANTED, reliability=Reliability.AT_LEAST_ONCE, name="n")
    client.to_send = []
    line = Line(world, client)
    heard: dict[int, list[int]] = {exact.channel: [], least.channel: []}
    receipts: set[bytes] = set()
    published = 0
    spoilt = False

    def listen() -> None:
        for event in line.arrived:
            if isinstance(event, EventArrived):
                heard[event.reading.channel].append(event.offset)
        receipts.update(event.id for event in line.arrived if isinstance(event, Published))
        line.arrived = []

    for _ in range(data.draw(st.integers(0, 14))):
        match data.draw(st.sampled_from(["publish", "break", "damage", "pause", "resume", "acknowledge", "step"])):
            case "publish":
                client.publish("t", json.dumps({"even": published % 2 == 0}), published.to_bytes(16, "big"))
                published += 1
            case "break":
                listen()
                line = Line(world, client)
            case "damage":
                # Once: what comes damaged twice at one place is given up.
                line.damage, spoilt = not spoilt, True
            case "pause" | "resume" as what:
                client.control(Action.PAUSE if what == "pause" else Action.RESUME)
            case "acknowledge":
                client.acknowledge(least)
            case "step":
                line.step(data.draw(st.integers(1, 6)))
                listen()
    client.control(Action.RESUME)
    line.step(10_000)
    listen()
    assert [reading.text for reading in readings] == ["".join(texts) for texts in written]
    assert all(reading.ended for reading in readings)
    wanted = [number for number, event in enumerate(world.topic) if json.loads(event.text)["even"]]
    assert heard[exact.channel] == wanted
    assert len(world.topic) == published
    assert len(receipts) == published
    # At least once: all of them, in order but for what came again after a broken line.
    assert sorted(set(heard[least.channel])) == wanted
