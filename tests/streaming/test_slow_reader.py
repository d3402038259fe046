"""A client that does not read holds back its model, costs the server no more than its window, and later loses nothing.

On every transport, on both servers, with a model that would talk for ever. The clients' sockets have small buffers and small
segments, so that the kernel takes half a megabyte and not several before it says stop.
"""

import asyncio
import hashlib
import json
import os
import socket
import sqlite3
import threading
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from uuid import UUID

import pytest
from aiohttp import web
from websockets.asyncio.client import connect

from streaming.protocol import frames
from streaming.protocol.codec import SessionCodec, encode_raw, text_check
from streaming.protocol.codes import Mode
from tests.live import LiveServer

CREDIT = 16 * 1024 * 1024
# What may be on the record of one stream while nobody reads: what the kernel holds (some 500 KB as it goes by small
# pieces), the server's buffer, the session's groups and the stream's read-ahead, 64 KB each. The model would go on to AMPLE.
WINDOW = 1_200_000
AMPLE = 64_000_000


def piece(number: int) -> str:
    """Return a sentence that does not compress."""
    words = hashlib.sha512(str(number).encode()).hexdigest()
    return " ".join(words[start : start + 8] for start in range(0, 128, 8)) + ". "


class Talker:
    """A model's endpoint that talks until it has said AMPLE bytes or its reader goes; it runs in a thread of its own."""

    def __init__(self) -> None:
        self.url = ""
        self.said: list[int] = []
        self.left = 0
        self._runner: web.AppRunner | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> "Talker":
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(30)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self) -> None:
        application = web.Application()
        application.router.add_post("/v1/chat/completions", self._talk)
        self._runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
        await web.SockSite(self._runner, listener).start()
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"

    async def _stop(self) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _talk(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        place = len(self.said)
        self.said.append(0)
        try:
            for number in count():
                text = "".join(piece(number * 16 + index) for index in range(16))
                event = {"choices": [{"delta": {"content": text}, "finish_reason": None}]}
                await response.write(b"data: " + json.dumps(event).encode() + b"\n\n")
                self.said[place] += len(text)
                if self.said[place] > AMPLE:
                    break
        except (asyncio.CancelledError, ConnectionError):
            self.left += 1
            raise
        return response


class Reader(ABC):
    """A client with small buffers; `texts` yields what it reads, and nothing is read before."""

    def __init__(self, live: LiveServer) -> None:
        self.live = live
        self.key = {"Authorization": f"Bearer {live.key}"}
        self.stream = os.urandom(16)

    async def socket(self) -> socket.socket:
        self.small = line = socket.socket()
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        line.setblocking(False)
        await asyncio.get_running_loop().sock_connect(line, ("127.0.0.1", self.live.port))
        return line

    def hurry(self) -> None:
        """Let the kernel take more at once."""
        self.small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1_000_000)

    @abstractmethod
    async def ask(self) -> None:
        """Ask a question."""

    @abstractmethod
    def texts(self) -> AsyncIterator[str]:
        """Yield the pieces of the answer."""

    @abstractmethod
    async def leave(self) -> None:
        """Break the line."""


class Frames(Reader):
    async def ask(self) -> None:
        self.line = await connect(
            self.live.ws, sock=await self.socket(), subprotocols=[frames.SUBPROTOCOL], additional_headers=self.key,
            compression=None, max_queue=1,
        )  # fmt: skip
        await self.line.send(frames.encode(frames.Hello(version=(1,), mode=Mode.TOKEN, credit=CREDIT)))
        prompt = frames.Prompt(1, self.stream, b"", encode_raw("Talk").data, text_check("Talk"), "nano")
        await self.line.send(frames.encode(prompt))

    async def texts(self) -> AsyncIterator[str]:
        codec = SessionCodec(262_144)
        async for data in self.line:
            assert isinstance(data, bytes)
            frame = frames.decode(data)
            if isinstance(frame, frames.Chunk):
                yield codec.decode(frame.payload)

    async def leave(self) -> None:
        self.line.transport.abort()


class Json(Frames):
    async def ask(self) -> None:
        self.line = await connect(
            self.live.ws, sock=await self.socket(), additional_headers=self.key, compression=None, max_queue=1
        )
        question = {"type": "prompt", "text": "Talk", "model": "nano", "stream": self.stream.hex()}
        await self.line.send(json.dumps(question))

    async def texts(self) -> AsyncIterator[str]:
        async for data in self.line:
            frame = json.loads(data)
            if frame["type"] == "chunk":
                yield frame["text"]


class Http(Reader):
    async def ask(self) -> None:
        self.reader, self.writer = await asyncio.open_connection(sock=await self.socket(), limit=4_096)
        body = b'{"text": "Talk", "model": "nano"}'
        self.writer.write(
            self.head("POST /ai/chat", f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n")
        )
        self.writer.write(body)
        await self.status()

    def head(self, what: str, more: str) -> bytes:
        key = self.key["Authorization"]
        return f"{what} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {key}\r\n{more}\r\n".encode()

    async def status(self) -> None:
        answer = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        assert answer.startswith("HTTP/1.1 200"), answer
        fields = dict(line.split(": ", 1) for line in answer.lower().split("\r\n")[1:] if line)
        self.stream = UUID(fields["aura-stream"]).bytes if "aura-stream" in fields else b""

    async def body(self) -> AsyncIterator[bytes]:
        while size := int((await self.reader.readline()).strip(), 16):
            yield (await self.reader.readexactly(size + 2))[:-2]

    async def texts(self) -> AsyncIterator[str]:
        async for data in self.body():
            yield data.decode()

    async def leave(self) -> None:
        self.writer.transport.abort()


class Sse(Http):
    async def ask(self) -> None:
        self.reader, self.writer = await asyncio.open_connection(sock=await self.socket(), limit=4_096)
        self.writer.write(self.head("GET /api/v1/stream/chat?q=Talk&model=nano", ""))
        await self.status()
        first = (await anext(self.body())).decode()
        self.stream = bytes.fromhex(json.loads(first.split("data: ")[1])["stream"])

    async def texts(self) -> AsyncIterator[str]:
        event = b""
        async for data in self.body():
            event += data
            while b"\n\n" in event:
                whole, event = event.split(b"\n\n", 1)
                if b"event: token\n" in whole:
                    yield json.loads(whole.split(b"data: ", 1)[1])["text"]


KINDS = (Frames, Json, Sse, Http)


def recorded(folder: Path, streams: list[bytes]) -> dict[bytes, int]:
    """Return how many characters of each stream's answer are on the record."""
    database = sqlite3.connect(folder / "aura.sqlite3")
    try:
        rows = database.execute("SELECT stream, count(*) FROM audit_entry WHERE kind = 'chunk' GROUP BY stream")
        # A chunk is a sentence, and all sentences are of one length.
        found = {bytes.fromhex(stream): int(number) * len(piece(0)) for stream, number in rows}
    finally:
        database.close()
    return {stream: found.get(stream, 0) for stream in streams}


def memory(pid: int) -> int:
    """Return the resident memory of a process in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


async def at_rest(folder: Path, streams: list[bytes]) -> dict[bytes, int]:
    """Return the sizes on the record once they have stopped to grow."""
    before: dict[bytes, int] = {}
    while True:
        now = await asyncio.to_thread(recorded, folder, streams)
        if now == before and all(now.values()):
            return now
        before = now
        await asyncio.sleep(1.5)


async def read(reader: Reader, size: int) -> str:
    """Read on until `size` characters have come."""
    text = ""
    async for part in reader.texts():
        text += part
        if len(text) >= size:
            break
    return text


@pytest.fixture
def talking(tmp_path: Path) -> Iterator[list[tuple[LiveServer, Talker]]]:
    """Servers of both kinds, each with a talker as its model."""
    with ExitStack() as stack:
        pairs = []
        for name in ("uvicorn", "daphne"):
            talker = stack.enter_context(Talker())
            settings = {"OPENAI_BASE_URL": talker.url, "NANO_MODEL": "openai:talker@0/0"}
            server = LiveServer(tmp_path / name, name, STREAMING_RESUME_GRACE="0.1", **settings)
            stack.callback(server.stop)
            pairs.append((server, talker))
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda pair: pair[0].start(), pairs))
        yield pairs


async def test_who_does_not_read_holds_the_model_back_and_loses_nothing(
    talking: list[tuple[LiveServer, Talker]],
) -> None:
    # All at once: nearly all of it is waiting.
    async with asyncio.timeout(300):
        await asyncio.gather(*(held_back(server, talker) for server, talker in talking))


async def held_back(server: LiveServer, talker: Talker) -> None:
    """Half of the readers read after all, and get everything. The others do not, and must not keep the server from
    stopping."""
    assert server.process is not None
    readers = [kind(server) for kind in 2 * KINDS]
    # The first answer warms up what is loaded once.
    await readers[0].ask()
    await at_rest(server.folder, [readers[0].stream])
    before = memory(server.process.pid)
    for reader in readers[1:]:
        await reader.ask()
    sizes = await at_rest(server.folder, [reader.stream for reader in readers])
    grown = memory(server.process.pid) - before
    assert len(talker.said) == len(readers)
    assert max(talker.said) < AMPLE / 2
    assert max(sizes.values()) < WINDOW, sizes
    # Windows, threads and their database connections, some 2 MB each, and what each transport loads: some 40 MB. One
    # stream that is not held would be more than all that is allowed here.
    assert grown < AMPLE, grown

    reading, stuck = readers[: len(KINDS)], readers[len(KINDS) :]
    for reader in reading:
        reader.hurry()
    texts = await asyncio.gather(*(read(reader, sizes[reader.stream] + 100_000) for reader in reading))
    expected = "".join(piece(number) for number in range(20_000))
    for text in texts:
        assert text == expected[: len(text)]
    for reader in reading:
        await reader.leave()
    while talker.left < len(reading):
        await asyncio.sleep(0.05)

    assert talker.left == len(reading)
    await asyncio.to_thread(server.stop)
    for reader in stuck:
        await reader.leave()
    while talker.left < len(readers):
        await asyncio.sleep(0.05)
