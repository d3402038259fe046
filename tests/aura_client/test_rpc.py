"""The gRPC client against real servers, over lines that break, with servers that are killed and started again."""

import asyncio
import signal
from collections.abc import Iterator

import grpc
import pytest

from aura_client import Closed, Refused, Unreachable
from aura_client.rpc import GrpcClient, _ended
from routing_ai.providers.mock import words_of
from streaming.lines import LineClosed, LineRefused
from tests.line import Line
from tests.live import LiveServer, free_port


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    made = LiveServer(tmp_path_factory.mktemp("rpc"), AURA_GRPC_PORT=str(free_port()))
    made.start()
    yield made
    made.stop()


def port(server: LiveServer) -> int:
    return int(server.environment["AURA_GRPC_PORT"])


def target(server: LiveServer) -> str:
    return f"127.0.0.1:{port(server)}"


def over(proxy: Line, server: LiveServer) -> GrpcClient:
    return GrpcClient(proxy.url.removeprefix("http://"), server.key)


def spoken(words: int) -> str:
    return "".join(words_of(words))


async def test_answers_compressed_with_the_library_of_the_server(server: LiveServer) -> None:
    async with GrpcClient(target(server), server.key, libraries=server.url) as aura:
        first, second = await aura.ask("Speak", model="nano"), await aura.ask("Say this", model="fast")
        assert await second.whole() == "Say this"
        assert await first.whole() == spoken(60)
        assert first.end is not None
        assert first.end.model == "mock-60-10"
        await aura._line.settle()
        assert aura._line.session.codec.active


async def test_a_line_that_breaks_again_and_again(server: LiveServer) -> None:
    cuts = [10, 300, 600, 700, 701, 900, 1_200]
    async with Line(port(server), cuts) as proxy, over(proxy, server) as aura:
        answer = await aura.ask("Speak", model="nano")
        async with asyncio.timeout(60):
            assert await answer.whole() == spoken(60)
        assert proxy.connections > 3


async def test_a_topic_over_lines_that_break(server: LiveServer) -> None:
    async with Line(port(server), [800, 700, 900, 1_200]) as proxy, over(proxy, server) as aura:
        events = await aura.subscribe("rpc/topic", after="1:0")
        await asyncio.gather(*(aura.publish("rpc/topic", number) for number in range(40)))
        async with asyncio.timeout(60):
            found = [await anext(events) for _ in range(40)]
        assert sorted(event.data for event in found) == list(range(40))
        assert proxy.connections > 2


async def test_nobody_but_the_server_says_who_comes_and_goes(server: LiveServer) -> None:
    async with GrpcClient(target(server), server.key) as aura:
        with pytest.raises(Refused, match="only the server writes") as refused:
            await aura.publish("presence/rpc/topic", {"topic": "rpc/topic"}, kind="left")
        assert refused.value.code == "not_allowed"


async def test_a_server_that_is_killed_and_started_again_in_mid_answer(server: LiveServer) -> None:
    async with GrpcClient(target(server), server.key) as aura:
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


async def test_who_leaves_says_goodbye_and_ends_what_is_being_written(server: LiveServer) -> None:
    async with GrpcClient(target(server), server.key) as aura:
        answer = await aura.ask("Speak", model="smart")
        async for _ in answer:
            break
    with pytest.raises(Closed, match="the client was closed"):
        await answer.whole()
    # Long before the grace of a broken line is over.
    async with asyncio.timeout(10):
        while True:
            _, _, body = await asyncio.to_thread(server.get, f"/api/v1/conversations/{answer.conversation}")
            if body["turns"][1]["state"] == "cancelled":
                break
            await asyncio.sleep(0.05)


async def test_a_key_that_does_not_count(server: LiveServer) -> None:
    with pytest.raises(Closed, match="API key"):
        async with GrpcClient(target(server), "aura_wrong") as aura:
            await (await aura.ask("Hello")).whole()


async def test_patience_ends() -> None:
    with pytest.raises(Unreachable, match="could not be reached"):
        async with GrpcClient(f"127.0.0.1:{free_port()}", "key", patience=0.5):
            pass


async def test_a_server_that_has_no_such_service(server: LiveServer) -> None:
    other = grpc.aio.server()
    number = other.add_insecure_port("127.0.0.1:0")
    await other.start()
    try:
        with pytest.raises(Refused):
            async with GrpcClient(f"127.0.0.1:{number}", server.key):
                pass
    finally:
        await other.stop(0)


def test_what_a_status_means() -> None:
    closed = _ended(grpc.StatusCode.UNAVAILABLE, "restarting", (("aura-close-code", "4000"),))
    assert isinstance(closed, LineClosed)
    assert closed.code == 4000
    again = _ended(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many calls", ())
    assert isinstance(again, LineRefused)
    assert again.retry_after == 1.0
    assert isinstance(_ended(grpc.StatusCode.UNAVAILABLE, "", None), LineClosed)
