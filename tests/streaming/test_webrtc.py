"""Sessions over WebRTC data channels, with a real peer and a real server."""

import asyncio
import base64
import os
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection

from streaming.protocol import frames
from streaming.protocol.client import Ended, TextArrived
from streaming.protocol.codec import text_check
from streaming.protocol.codes import Action, CloseCode, Finish, Mode
from streaming.protocol.datagrams import DATAGRAM_SIZE, cut
from streaming.transports.webrtc import INBOX_LIMIT, Peer
from tests.live import LiveServer
from tests.streaming.rtc_line import RtcLine, post, without_aiortc


def started(folder: Path, **settings: str) -> LiveServer:
    server = LiveServer(folder, **settings)
    server.start()
    return server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    made = started(tmp_path_factory.mktemp("rtc"))
    yield made
    made.stop()


@pytest.mark.parametrize("mode", list(Mode))
async def test_a_session_answers_in_every_mode(server: LiveServer, mode: Mode) -> None:
    async with RtcLine(server, mode) as line:
        reading = line.session.ask("Speak", os.urandom(16), model="nano")
        events = await line.follow(reading)
        assert isinstance(events[-1], Ended)
        assert len(reading.text.split()) == 60
        texts = [event for event in events if isinstance(event, TextArrived)]
        assert {Mode.COMPLETE: len(texts) == 1, Mode.SENTENCE: 1 < len(texts) <= 8, Mode.TOKEN: len(texts) > 8}[mode]
        _, _, body = await asyncio.to_thread(server.get, "/api/streaming/sessions")
        assert "webrtc" in [session["transport"] for session in body["sessions"]]


async def test_on_daphne_a_session_works(tmp_path: Path) -> None:
    own = LiveServer(tmp_path, server="daphne")
    own.start()
    async with RtcLine(own) as line:
        reading = line.session.ask("Speak", os.urandom(16), model="nano")
        await line.follow(reading)
        assert len(reading.text.split()) == 60
        await asyncio.to_thread(own.stop)
        await asyncio.wait_for(line.closed.wait(), 20)
        assert line.goodbye is not None
        assert line.goodbye["code"] == CloseCode.DRAINING


@pytest.mark.parametrize("ordered", [True, False])
async def test_a_long_message_goes_both_ways_in_datagrams_that_fit(server: LiveServer, ordered: bool) -> None:
    text = " ".join(base64.b64encode(os.urandom(150)).decode() for _ in range(1000))
    async with RtcLine(server, Mode.COMPLETE, ordered=ordered) as line:
        reading = line.session.ask(text, os.urandom(16), model="fast")
        events = await line.follow(reading)
        assert isinstance(events[-1], Ended)
        assert reading.text == text
        assert max(line.sizes) == DATAGRAM_SIZE


async def test_a_broken_line_resumes_and_loses_nothing(server: LiveServer) -> None:
    async with RtcLine(server) as line:
        reading = line.session.ask("Speak", os.urandom(16), model="nano")
        line.flush()
        while len(reading.text.split()) < 10:
            await line.receive()
        await line.drop()
        await line.connect()
        events = await line.follow(reading)
        assert isinstance(events[-1], Ended)
        assert events[-1].done.check == text_check(reading.text)
        assert len(reading.text.split()) == 60


async def test_a_goodbye_cancels_what_is_being_written(server: LiveServer) -> None:
    async with RtcLine(server) as line:
        reading = line.session.ask("Speak", os.urandom(16), model="smart")
        line.flush()
        while not reading.text:
            await line.receive()
        line.leave()
        await asyncio.wait_for(line.closed.wait(), 20)
        await line.connect()
        events = await line.follow(reading)
        assert isinstance(events[-1], Ended)
        assert events[-1].done.finish == Finish.CANCELLED


async def test_who_is_gone_without_a_word_is_given_up(tmp_path: Path) -> None:
    own = started(tmp_path, STREAMING_RESUME_GRACE="0.5", SMART_MODEL="mock:mock-1000-20")
    try:
        line = RtcLine(own)
        await line.connect()
        reading = line.session.ask("Speak", os.urandom(16), model="smart")
        line.flush()
        while not reading.text:
            await line.receive()
        await line.drop()
        counts: dict[str, Any] = {"streams": {"open": 1}}
        while counts["streams"]["open"]:
            await asyncio.sleep(0.05)
            counts = (await asyncio.to_thread(own.get, "/api/streaming/stats"))[2]
        assert counts["connections"]["open"] == 0
    finally:
        own.stop()


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (frames.encode(frames.Ping()), CloseCode.BAD_FRAME),
        (b"\xff\xff", CloseCode.BAD_FRAME),
        (frames.encode(frames.Hello(version=(9,))), CloseCode.UNSUPPORTED_VERSION),
        (bytes(300_000), CloseCode.FRAME_TOO_LARGE),
    ],
    ids=["early", "noise", "version", "large"],
)
async def test_what_is_no_frame_ends_the_session(server: LiveServer, raw: bytes, code: CloseCode) -> None:
    async with RtcLine(server) as line:
        line.send(raw)
        await asyncio.wait_for(line.closed.wait(), 20)
        assert line.goodbye is not None
        assert line.goodbye["code"] == code
        assert line.goodbye["reason"]


@pytest.mark.parametrize("datagram", [b"", b"\x80", b"\x40\x01a", "not JSON"], ids=["empty", "head", "ahead", "text"])
async def test_what_is_no_datagram_ends_the_session(server: LiveServer, datagram: bytes | str) -> None:
    async with RtcLine(server) as line:
        line.channel.send(datagram)
        await asyncio.wait_for(line.closed.wait(), 20)
        assert line.goodbye is not None
        assert line.goodbye["code"] == CloseCode.BAD_FRAME


@pytest.mark.parametrize("options", [{"protocol": "aura.v9"}, {"maxRetransmits": 0}], ids=["protocol", "unreliable"])
async def test_a_channel_that_will_not_do_is_closed_with_a_word(server: LiveServer, options: dict[str, Any]) -> None:
    async with RtcLine(server, **options) as line:
        await asyncio.wait_for(line.closed.wait(), 20)
        assert line.goodbye is not None
        assert line.goodbye["code"] == CloseCode.UNSUPPORTED_VERSION


async def test_a_second_channel_is_one_too_many(server: LiveServer) -> None:
    async with RtcLine(server) as line:
        line.peer.createDataChannel("more", protocol="aura.v1")
        await asyncio.wait_for(line.closed.wait(), 20)
        assert line.goodbye is not None
        assert line.goodbye["code"] == CloseCode.BAD_FRAME


async def test_who_sends_faster_than_can_be_read_is_stopped() -> None:
    peer = Peer(SimpleNamespace(pk=1))
    try:
        for number in range(8):
            for datagram in cut(number, bytes(200_000)):
                peer._on_message(datagram)
        assert peer._over.result()[0] == CloseCode.OVERLOADED
        assert peer._waiting < INBOX_LIMIT + 200_001
    finally:
        await peer._line.close()


async def test_a_silent_client_is_pinged_and_then_let_go(tmp_path: Path) -> None:
    own = started(tmp_path, STREAMING_HEARTBEAT_INTERVAL="0.3")
    try:
        async with RtcLine(own) as line:
            line.flush()
            pings = 0
            with pytest.raises(EOFError):
                while True:
                    pings += isinstance(frames.decode(await line.frame()), frames.Ping)
            assert pings == 2
            assert line.goodbye is not None
            assert line.goodbye["code"] == CloseCode.STALE
    finally:
        own.stop()


async def test_drain_asks_a_session_to_go_on_elsewhere(tmp_path: Path) -> None:
    own = started(tmp_path)
    async with RtcLine(own) as line:
        line.flush()
        await line.receive()
        stopping = asyncio.create_task(asyncio.to_thread(own.stop))
        drained = False
        with pytest.raises(EOFError):
            while True:
                frame = frames.decode(await line.frame())
                drained = drained or (isinstance(frame, frames.Control) and frame.action == Action.DRAIN)
        assert drained
        assert line.goodbye is not None
        assert line.goodbye["code"] == CloseCode.DRAINING
        await stopping
    assert "Traceback" not in own.log()


async def an_offer() -> str:
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    peer.createDataChannel("aura", protocol="aura.v1")
    await peer.setLocalDescription(await peer.createOffer())
    sdp: str = peer.localDescription.sdp
    await peer.close()
    return sdp


async def test_peers_of_a_user_are_limited_even_when_they_never_come(tmp_path: Path) -> None:
    own = started(tmp_path, STREAMING_SESSIONS_PER_USER="2")
    try:
        offer = {"type": "offer", "sdp": await an_offer()}
        answers = [await asyncio.to_thread(post, own, offer) for _ in range(3)]
        assert [status for status, _ in answers] == [200, 200, 429]
        assert answers[2][1]["error"]["code"] == "too_many_streams"
        status, _ = await asyncio.to_thread(post, own, offer, own.users["eve"]["key"])
        assert status == 200
    finally:
        own.stop()
    assert "Traceback" not in own.log()


async def test_bad_offers_are_explained(server: LiveServer) -> None:
    good = await an_offer()
    media = good.replace("m=application", "m=audio")
    for data in (
        b"{",
        [],
        {},
        {"type": "answer", "sdp": good},
        {"type": "offer", "sdp": 4},
        {"type": "offer", "sdp": ""},
        {"type": "offer", "sdp": "hello"},
        {"type": "offer", "sdp": media},
        {"type": "offer", "sdp": good + good},
        {"type": "offer", "sdp": good + "a=x\r\n" * 5_000},
        {"type": "offer", "sdp": good.replace("a=fingerprint", "a=finger")},
        {"type": "offer", "sdp": good.replace("a=ice-", "a=ace-")},
        {"type": "offer", "sdp": "x" * 3_000_000},
    ):
        status, body = await asyncio.to_thread(post, server, data)
        assert status == 422, (data, body)
        assert body["error"]["message"]
    assert (await asyncio.to_thread(post, server, {"type": "offer", "sdp": good}, ""))[0] == 401
    assert (await asyncio.to_thread(post, server, {"type": "offer", "sdp": good}, "aura_no"))[0] == 401
    cookie = f"sessionid={server.users['ada']['session']}"
    assert (await asyncio.to_thread(post, server, {"type": "offer", "sdp": good}, "", Cookie=cookie))[0] == 403
    assert "Traceback" not in server.log()


def test_ice_servers_are_those_of_the_settings(server: LiveServer) -> None:
    assert server.get("/api/v1/webrtc/ice-servers")[2] == {"ice_servers": []}
    assert server.get("/api/v1/webrtc/ice-servers", "")[0] == 401


async def test_a_server_without_the_library_says_how_to_get_it(tmp_path: Path) -> None:
    own = LiveServer(tmp_path)
    without_aiortc(own, tmp_path)
    own.start()
    try:
        status, body = await asyncio.to_thread(post, own, {"type": "offer", "sdp": await an_offer()})
        assert status == 501
        assert "requirements-webrtc.txt" in body["error"]["message"]
    finally:
        own.stop()


def settled(server: LiveServer) -> int:
    """Return the bytes of frames that the server has got rid of, once they grow no more. Holds up the loop."""
    before, same = -1, 0
    while same < 5:
        sent = server.get("/api/streaming/stats")[2]["frames"]["bytes"]
        same = same + 1 if sent == before else 0
        before = sent
        time.sleep(0.2)
    return before


async def test_a_client_that_does_not_read_holds_the_server_back_and_still_gets_all(server: LiveServer) -> None:
    text = " ".join(base64.b64encode(os.urandom(180)).decode() for _ in range(1000))
    async with RtcLine(server) as line:
        stream = line.session.ask(text, os.urandom(16), model="fast").stream
        await line.follow(line.session.readings[1])
    async with RtcLine(server, Mode.COMPLETE, credit=16 * 1024 * 1024) as line:
        line.flush()
        await line.receive()
        begun = settled(server)
        readings = [line.session.resume(stream, 1, 0) for _ in range(20)]
        line.flush()
        while not any(reading.text for reading in readings):
            await line.receive()
        # The client lives on the loop that is held up now: it neither reads nor acknowledges.
        taken = settled(server) - begun
        assert 0 < taken < 1_000_000
        while not all(reading.ended for reading in readings):
            await line.receive()
        assert {reading.text for reading in readings} == {text}
