"""The client over data channels against real servers, over paths that lose and fall silent, with servers that are killed."""

import asyncio
import base64
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aura_client import Closed, Damaged, Refused, Unreachable
from aura_client.chat import SessionClient
from aura_client.webrtc import DataChannelLine, WebRtcClient, _goodbye
from routing_ai.providers.mock import words_of
from streaming.lines import LineClosed
from tests.aura_client.relay import Relay
from tests.live import LiveServer, free_port
from tests.streaming.rtc_line import without_aiortc

# Seconds: paths that fall silent are noticed soon enough for a test.
SOON = 0.5


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    made = LiveServer(tmp_path_factory.mktemp("rtc"))
    made.start()
    yield made
    made.stop()


def over(relay: Relay, server: LiveServer) -> WebRtcClient:
    return WebRtcClient(relay.url, server.key, compress=False, silence=SOON)


def spoken(words: int) -> str:
    return "".join(words_of(words))


async def test_answers_compressed_with_the_library_of_the_server(server: LiveServer) -> None:
    async with WebRtcClient(server.url, server.key) as aura:
        first, second = await aura.ask("Speak", model="nano"), await aura.ask("Say this", model="fast")
        assert await second.whole() == "Say this"
        assert await first.whole() == spoken(60)
        assert first.end is not None
        assert first.end.model == "mock-60-10"
        await aura._line.settle()
        assert aura._line.session.codec.active
        _, _, body = await asyncio.to_thread(server.get, "/api/streaming/sessions")
        assert "webrtc" in [session["transport"] for session in body["sessions"]]


async def test_a_path_that_loses_repeats_and_mixes_up(server: LiveServer) -> None:
    text = " ".join(base64.b64encode(os.urandom(60)).decode() for _ in range(300))
    async with Relay(server.url, worse=1) as relay, WebRtcClient(relay.url, server.key, compress=False) as aura:
        async with asyncio.timeout(60):
            answers = [await aura.ask("Speak", model="nano"), await aura.ask(text, model="fast")]
            assert [await answer.whole() for answer in answers] == [spoken(60), text]


async def test_a_path_that_falls_silent_again_and_again(server: LiveServer) -> None:
    # Within the handshake, and while the answer comes.
    cuts = [4, 30, 45, 60]
    async with Relay(server.url, cuts) as relay, over(relay, server) as aura:
        answer = await aura.ask("Speak", model="smart")
        async with asyncio.timeout(90):
            assert await answer.whole() == spoken(400)
        assert relay.paths > 3


async def test_a_topic_over_paths_that_fall_silent(server: LiveServer) -> None:
    async with Relay(server.url, [30, 35, 40]) as relay, over(relay, server) as aura:
        events = await aura.subscribe("rtc/topic", after="1:0")
        await asyncio.gather(*(aura.publish("rtc/topic", number) for number in range(40)))
        async with asyncio.timeout(60):
            found = [await anext(events) for _ in range(40)]
        assert sorted(event.data for event in found) == list(range(40))
        assert relay.paths > 1


async def test_a_server_that_is_killed_and_started_again_in_mid_answer(server: LiveServer) -> None:
    async with WebRtcClient(server.url, server.key, silence=SOON) as aura:
        answer = await aura.ask("Speak", model="smart")
        restarting = None
        async with asyncio.timeout(90):
            async for _ in answer:
                if restarting is None and len(answer.text.split()) > 60:
                    await asyncio.to_thread(server.stop, signal.SIGKILL)
                    restarting = asyncio.create_task(asyncio.to_thread(server.start))
        assert restarting is not None
        await restarting
        assert answer.text == spoken(400)
        assert aura.reconnects


@pytest.mark.environment(SMART_MODEL="mock:mock-500-10")
async def test_a_server_that_drains_in_mid_answer(own_server: LiveServer) -> None:
    def restart() -> None:
        own_server.stop()
        own_server.start()

    # Silence would be noticed far too late for this test: it is the goodbye that tells.
    async with WebRtcClient(own_server.url, own_server.key, silence=100.0) as aura:
        answer = await aura.ask("Speak", model="smart")
        restarting = None
        async with asyncio.timeout(90):
            async for _ in answer:
                restarting = restarting or asyncio.create_task(asyncio.to_thread(restart))
        assert restarting is not None
        await restarting
        assert answer.text == spoken(500)
        assert aura.reconnects


async def test_a_silent_server_is_asked_for_a_sign_of_life_and_kept(server: LiveServer) -> None:
    async with WebRtcClient(server.url, server.key, silence=0.2) as aura:
        await asyncio.sleep(1.5)
        assert await (await aura.ask("Still there?", model="fast")).whole() == "Still there?"
        assert not aura.reconnects


async def test_what_arrives_damaged_once_is_asked_for_again_and_twice_is_an_error(server: LiveServer) -> None:
    lies = 1

    class Lying(DataChannelLine):
        async def receive(self) -> bytes:
            nonlocal lies
            data = await super().receive()
            if lies and b"plain" in data:
                lies -= 1
                data = data.replace(b"plain", b"brain", 1)
            return data

    async def opening(url: str, key: str) -> DataChannelLine:
        line = Lying()
        await line.open(url, key)
        return line

    async with SessionClient(server.url, server.key, opening) as aura:
        assert await (await aura.ask("Speak", model="nano")).whole() == spoken(60)
        assert not lies
        lies = sys.maxsize
        answer = await aura.ask("That is plain", model="fast")
        with pytest.raises(Damaged):
            await answer.whole()
        assert "brain" not in answer.text
        assert not aura.reconnects


async def test_who_leaves_says_goodbye_and_ends_what_is_being_written(server: LiveServer) -> None:
    async with WebRtcClient(server.url, server.key) as aura:
        answer = await aura.ask("Speak", model="smart")
        async for _ in answer:
            break
    with pytest.raises(Closed, match="the client was closed"):
        await answer.whole()
    # Long before the grace of a broken line is over.
    async with asyncio.timeout(20):
        while True:
            _, _, body = await asyncio.to_thread(server.get, f"/api/v1/conversations/{answer.conversation}")
            if body["turns"][1]["state"] == "cancelled":
                break
            await asyncio.sleep(0.05)


async def test_a_key_that_does_not_count(server: LiveServer) -> None:
    with pytest.raises(Closed, match="API key"):
        async with WebRtcClient(server.url, "aura_wrong"):
            pass


async def test_patience_ends() -> None:
    with pytest.raises(Unreachable, match="could not be reached"):
        async with WebRtcClient(f"http://127.0.0.1:{free_port()}", "key", patience=0.5):
            pass


async def test_an_answer_to_an_offer_that_makes_no_sense(server: LiveServer) -> None:
    async with Relay(server.url, alter=lambda _: "v=0") as relay:
        with pytest.raises(Damaged, match="makes no sense"):
            async with WebRtcClient(relay.url, server.key, compress=False):
                pass


async def test_a_refused_question_leaves_the_others_alone(server: LiveServer) -> None:
    async with WebRtcClient(server.url, server.key) as aura:
        with pytest.raises(Refused) as caught:
            await (await aura.ask("   ")).whole()
        assert caught.value.code == "empty_prompt"
        assert await (await aura.ask("Fine", model="fast")).whole() == "Fine"


async def test_a_server_without_the_library_says_how_to_get_it(tmp_path: Path) -> None:
    own = LiveServer(tmp_path)
    without_aiortc(own, tmp_path)
    own.start()
    try:
        with pytest.raises(Closed, match=r"requirements-webrtc\.txt"):
            async with WebRtcClient(own.url, own.key):
                pass
    finally:
        own.stop()


def test_what_a_goodbye_means() -> None:
    said = _goodbye('{"code": 4000, "reason": "draining"}')
    assert (said.code, said.reason) == (4000, "draining")
    for nonsense in ("", "[]", "4000", "{}", '{"code": null}', '{"code": "x"}'):
        assert isinstance(_goodbye(nonsense), LineClosed)
        assert not _goodbye(nonsense).code
