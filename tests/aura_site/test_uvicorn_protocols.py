"""Connections that are lost free what they held, without a search for cycles."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from uvicorn import Server
from websockets.asyncio.client import ClientConnection, connect

from aura_site.launcher import processes
from aura_site.launcher.config import Config
from aura_site.uvicorn_protocols import HttpProtocol, WebSocketProtocol
from tests.live import ROOT, free_port


async def echo(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Say what was said, until the other one goes or says `end`; for a number so many bytes."""
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        text = message["text"]
        if text == "end":
            return await send({"type": "websocket.close"})
        await send({"type": "websocket.send", **({"bytes": bytes(int(text))} if text.isdigit() else {"text": text})})


@asynccontextmanager
async def serving(application: Any) -> AsyncIterator[Server]:
    port = free_port()
    config = uvicorn.Config(
        application,
        port=port,
        http=HttpProtocol,
        ws=WebSocketProtocol,
        lifespan="off",
        log_config=None,
        ws_ping_interval=None,
    )
    one = Server(config)
    task = asyncio.create_task(one.serve())
    async with asyncio.timeout(30):
        while not one.started:
            await asyncio.sleep(0.01)
    yield one
    one.should_exit = True
    await task


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving(echo) as one:
        yield one


@pytest.fixture
def no_search() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def goodbye(line: ClientConnection) -> None:
    await line.close()


async def broken(line: ClientConnection) -> None:
    line.transport.abort()
    await line.wait_closed()


async def ended(line: ClientConnection) -> None:
    await line.send("end")
    await line.wait_closed()


@pytest.mark.usefixtures("no_search")
@pytest.mark.parametrize("leave", [goodbye, broken, ended])
async def test_a_lost_connection_is_freed_at_once(
    server: Server, leave: Callable[[ClientConnection], Awaitable[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[weakref.ref[object]] = []
    upgrade = HttpProtocol.handle_websocket_upgrade

    def noted(self: HttpProtocol) -> None:
        upgrade(self)
        held.append(weakref.ref(self))

    monkeypatch.setattr(HttpProtocol, "handle_websocket_upgrade", noted)
    line = await connect(f"ws://127.0.0.1:{server.config.port}/")
    await line.send("How are you?")
    assert await line.recv() == "How are you?"
    (protocol,) = server.server_state.connections
    held += [weakref.ref(protocol), weakref.ref(protocol.conn)]  # type: ignore[union-attr]
    del protocol
    await leave(line)
    async with asyncio.timeout(10):
        while any(one() is not None for one in held):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("deflate", [False, True])
async def test_binary_messages_of_every_size_arrive_whole_and_in_their_order(server: Server, deflate: bool) -> None:
    compression = "deflate" if deflate else None
    async with connect(f"ws://127.0.0.1:{server.config.port}/", compression=compression, max_size=None) as line:
        for size in (0, 1, 125, 126, 65_535, 65_536, 1 << 20):
            await line.send(str(size))
            await line.send("and")
            assert await line.recv() == bytes(size)
            assert await line.recv() == "and"


async def test_what_is_sent_into_a_line_that_was_closed_goes_nowhere_and_breaks_nothing() -> None:
    # The client closed; the application has not heard of it yet, and still sends.
    over: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()

    async def late(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] == "websocket.receive":
            pass
        try:
            await send({"type": "websocket.send", "bytes": b"too late"})
        except OSError as error:
            over.set_result(error)

    async with serving(late) as one, connect(f"ws://127.0.0.1:{one.config.port}/"):
        pass
    assert isinstance(await over, OSError)


def test_servers_are_started_with_them(tmp_path: Path) -> None:
    command = processes.server_command(Config(ROOT, tmp_path, "127.0.0.1", 8000, {}))
    assert command[command.index("--http") + 1] == f"{HttpProtocol.__module__}:{HttpProtocol.__name__}"
    assert command[command.index("--ws-ping-interval") + 1] == "0"
    assert command[command.index("--ws") + 1] == f"{WebSocketProtocol.__module__}:{WebSocketProtocol.__name__}"
