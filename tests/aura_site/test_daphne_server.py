"""The daphne server with small applications of its own, in a process of its own."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.live import ROOT, free_port

SERVE = """
import asyncio, sys
from aura_site.daphne_server import Daphne

async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            print(message["type"], flush=True)
            if message["type"] == "lifespan.startup" and sys.argv[2] == "refusing":
                await send({"type": "lifespan.startup.failed", "message": "no disk"})
                return
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    await receive()
    await send({"type": "websocket.accept"})
    if sys.argv[2] == "closing":
        await send({"type": "websocket.close", "code": 4201, "reason": "sign in first"})
    elif sys.argv[2] == "deaf":
        await asyncio.sleep(3600)
    else:
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "bytes": message["bytes"]})

server = Daphne(application, "127.0.0.1", int(sys.argv[1]))
server.run()
sys.exit(server.failed or 0)
"""
Serve = Callable[[str], tuple["subprocess.Popen[str]", int]]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server with an application of that kind; return its process and port."""
    started: list[subprocess.Popen[str]] = []

    def start(kind: str) -> tuple["subprocess.Popen[str]", int]:
        port = free_port()
        command = [sys.executable, "-c", SERVE, str(port), kind]
        started.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[-1], port

    yield start
    for process in started:
        process.kill()
        process.communicate()


async def line(port: int):
    """Return a connection to a server that is just starting."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await connect(f"ws://127.0.0.1:{port}/", compression=None)
            except OSError:
                await asyncio.sleep(0.05)


async def test_the_application_starts_before_and_shuts_down_after_its_connections(serve: Serve) -> None:
    process, port = serve("echo")
    async with await line(port) as socket:
        await socket.send(b"one")
        assert await socket.recv() == b"one"
    process.send_signal(signal.SIGTERM)
    out, _ = await asyncio.to_thread(process.communicate, timeout=20)
    assert out.split() == ["lifespan.startup", "lifespan.shutdown"]
    assert process.returncode == 0


async def test_an_application_that_cannot_start_ends_the_server(serve: Serve) -> None:
    process, _ = serve("refusing")
    _, error = await asyncio.to_thread(process.communicate, timeout=20)
    assert process.returncode == 1
    assert error.strip().endswith("no disk")


async def test_a_port_in_use_ends_the_server(serve: Serve) -> None:
    listener = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", SERVE, str(port), "echo"], cwd=ROOT, capture_output=True, check=False
    )
    assert done.returncode == 1
    assert b"Address already in use" in done.stderr
    listener.close()
    await listener.wait_closed()


async def test_a_close_has_its_reason(serve: Serve) -> None:
    _, port = serve("closing")
    async with await line(port) as socket:
        with pytest.raises(ConnectionClosed) as caught:
            await socket.recv()
    assert caught.value.rcvd is not None
    assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (4201, "sign in first")


async def test_what_a_busy_application_does_not_take_waits_with_the_client(serve: Serve) -> None:
    process, port = serve("deaf")
    socket = await line(port)
    status = Path(f"/proc/{process.pid}/status")

    def memory() -> int:
        return int(status.read_text().split("VmRSS:")[1].split()[0]) * 1024

    before, sent = memory(), 0

    async def flood() -> None:
        nonlocal sent
        while True:
            await socket.send(bytes(65_536))
            sent += 1

    flooding = asyncio.create_task(flood())
    seen = -1
    while sent != seen:
        seen = sent
        await asyncio.sleep(1)
    # The kernel's buffers took some of it.
    assert 0 < sent < 400
    assert memory() - before < 4_000_000
    flooding.cancel()
    socket.transport.abort()
