"""Kills server processes under load and counts what clients lost.

Two servers behind nginx, on one PostgreSQL and one Redis, all started here on free ports (AURA_TEST_POSTGRES may name
another PostgreSQL). Clients hold streams; every few seconds one server is killed (kill -9) and started again. Each stream
must come to the end that the model gave it: not a word missing, none twice, none out of order; and every word that a client
saw must stand on the record. With `--restart` the servers are not killed but restarted in turn as an upgrade restarts them
(SIGTERM, drain, start).
"""

import argparse
import asyncio
import os
import random
import signal
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from websockets.exceptions import WebSocketException

from benchmarks.report import Report, median, options
from routing_ai.providers.mock import words_of
from streaming.client import ChatClient
from streaming.protocol.client import Ended, Failed, Reading, TextArrived
from streaming.protocol.codes import Mode
from streaming.protocol.errors import FrameError
from tests.live import LiveServer
from tests.services import nginx, postgres_database, postgres_server, redis_server

WORDS, GAP = 400, 50
STREAMS_PER_CLIENT = 4
# A stream that has not ended so long after the last kill counts as lost.
PATIENCE = 120.0


@dataclass
class Books:
    """What the clients saw."""

    streams: int = 0
    chunks: int = 0
    reconnects: int = 0
    lost: int = 0
    doubled: int = 0
    disordered: int = 0
    unended: int = 0
    refused: int = 0
    resumes: list[float] = field(default_factory=list)
    texts: dict[UUID, tuple[UUID, str]] = field(default_factory=dict)


class Client:
    """Holds some streams over one connection at a time, for as long as `more()` says so."""

    def __init__(self, url: str, key: str, books: Books, end: asyncio.Event) -> None:
        self.client = ChatClient(url, key, mode=Mode.TOKEN)
        self.books = books
        self.end = end
        self.open: dict[int, Reading] = {}

    async def run(self) -> None:
        """Ask, read to the end, ask again; come back after every broken line."""
        broken = 0.0
        while not self.end.is_set() or self.open:
            try:
                await self.client.connect()
                while not self.end.is_set() and len(self.open) < STREAMS_PER_CLIENT:
                    self.ask()
                await self.client.flush()
                while not self.end.is_set() or self.open:
                    await self.client.step()
                    if self.take() and broken:
                        self.books.resumes.append(time.monotonic() - broken)
                        broken = 0.0
                    await self.client.flush()
            except (WebSocketException, OSError, TimeoutError):
                broken = broken or time.monotonic()
                self.books.reconnects += 1
                await asyncio.sleep(random.uniform(0.1, 0.8))
            except FrameError:
                # What no server may send: a gap, a doubled chunk, an end that does not fit.
                self.books.disordered += 1
                self.client.drop()
        await self.client.close()

    def ask(self) -> None:
        reading = self.client.session.ask("Speak", os.urandom(16), model="smart")
        self.open[reading.channel] = reading

    def take(self) -> bool:
        """Act on what has come; return whether there was text."""
        text = False
        while self.client._events:
            event = self.client._events.popleft()
            if isinstance(event, TextArrived):
                text = True
                self.books.chunks += 1
            elif (
                isinstance(event, Failed)
                and event.reading is not None
                and not event.reading.offset
                and event.fault.retry_after
            ):
                # A server that is about to stop begins nothing new: asked again, the other one answers.
                self.books.refused += 1
                self.open.pop(event.reading.channel, None)
                self.client.session.readings.pop(event.reading.channel, None)
            elif isinstance(event, Ended | Failed) and event.reading is not None:
                self.finish(event.reading, isinstance(event, Ended))
        return text

    def finish(self, reading: Reading, well: bool) -> None:
        wanted = "".join(words_of(WORDS))
        self.open.pop(reading.channel, None)
        self.client.session.readings.pop(reading.channel, None)
        self.books.streams += 1
        self.books.texts[UUID(bytes=reading.stream)] = (UUID(bytes=reading.conversation), reading.text)
        self.books.unended += not well
        have, want = reading.text.split(), wanted.split()
        self.books.lost += max(0, len(want) - len(have))
        self.books.doubled += max(0, len(have) - len(want))
        self.books.disordered += len(have) == len(want) and reading.text != wanted
        if not self.end.is_set():
            self.ask()


async def end_in_turn(servers: list[LiveServer], kills: int, pause: float, how: signal.Signals) -> None:
    """End one server after the other, each as soon as all of them answer again."""
    for number in range(kills):
        await asyncio.sleep(random.uniform(0.5, 1.5) * pause)
        server = servers[number % len(servers)]
        await asyncio.to_thread(server.stop, how)
        await asyncio.to_thread(server.start)


def unaudited(server: LiveServer, texts: dict[UUID, tuple[UUID, str]]) -> int:
    """Return how many streams show words that the record does not have."""
    missing = 0
    for stream, (conversation, text) in texts.items():
        _, _, body = server.get(f"/api/v1/conversations/{conversation}")
        recorded = [turn["text"] for turn in body["turns"] if turn["role"] == "assistant"]
        missing += not any(found.startswith(text) for found in recorded)
        assert stream
    return missing


async def storm(
    servers: list[LiveServer], url: str, streams: int, kills: int, pause: float, how: signal.Signals = signal.SIGKILL
) -> Books:
    """Run clients and kills; return the books."""
    books, end = Books(), asyncio.Event()
    clients = [Client(url, servers[0].key, books, end) for _ in range(max(1, streams // STREAMS_PER_CLIENT))]
    running = [asyncio.create_task(client.run()) for client in clients]
    await asyncio.sleep(2)
    await end_in_turn(servers, kills, pause, how)
    end.set()
    _, late = await asyncio.wait(running, timeout=PATIENCE)
    for task in late:
        task.cancel()
    if late:
        await asyncio.wait(late)
    for task in running:
        if not task.cancelled() and task.exception() is not None:
            raise task.exception()  # type: ignore[misc]
    books.unended += sum(len(client.open) for client in clients)
    return books


def main() -> None:
    parser = options(__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, help="streams at once (200)")
    parser.add_argument("--kills", type=int, help="kills (100)")
    parser.add_argument("--sqlite", action="store_true", help="on SQLite instead of PostgreSQL")
    parser.add_argument("--restart", action="store_true", help="restart the servers in turn, as an upgrade does")
    chosen = parser.parse_args()
    how = signal.SIGTERM if chosen.restart else signal.SIGKILL
    streams = chosen.streams or (24 if chosen.quick else 200)
    kills = chosen.kills or (6 if chosen.quick else 100)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="aura-chaos-")))
        settings: dict[str, str] = {
            "REDIS_URL": stack.enter_context(redis_server(folder)),
            "SMART_MODEL": f"mock:mock-{WORDS}-{GAP}",
            "STREAMING_CHUNK_DELAY": "0.25",
            "STREAMING_CHUNK_SIZE": "400",
            "STREAMING_STREAMS_PER_USER": "10000",
            "STREAMING_SESSIONS_PER_USER": "10000",
            "STREAMING_RESUME_GRACE": "60",
        }
        if not chosen.sqlite:
            if "AURA_TEST_POSTGRES" not in os.environ:
                os.environ["AURA_TEST_POSTGRES"] = stack.enter_context(postgres_server())
            settings["DATABASE_URL"] = stack.enter_context(postgres_database())
        servers = [LiveServer(folder, beside=None, **settings)]
        servers.append(LiveServer(folder, beside=servers[0]))
        for server in servers:
            server.start()
            stack.callback(server.stop)
        port = stack.enter_context(nginx(folder, [server.port for server in servers]))
        begun = time.monotonic()
        books = asyncio.run(
            storm(servers, f"ws://127.0.0.1:{port}/ws/chat/", streams, kills, 0.5 if chosen.quick else 1.5, how)
        )
        took = time.monotonic() - begun
        missing = unaudited(servers[0], books.texts)
        verdict = servers[0].manage("verify_audit", check=False).strip().splitlines()[-1]
    report = Report("chaos")
    report.table(
        f"{kills} {'restarts' if chosen.restart else 'kills'} in {took:.0f} s, {streams} streams at once",
        ["", "count"],
        [
            ["streams read to their end", books.streams],
            ["streams without their end", books.unended],
            ["connections broken", books.reconnects],
            ["questions sent to the other server", books.refused],
            ["text again after, median s", median(books.resumes) if books.resumes else 0.0],
            ["words out of order", books.disordered],
            ["record", verdict],
        ],
    )
    report.add("kills", kills, "kills")
    report.add("chunks", books.chunks, "chunks")
    report.add("lost", books.lost + books.unended, "words")
    report.add("doubled", books.doubled + books.disordered, "words")
    report.add("unaudited", missing, "streams")
    report.finish(chosen.json)


if __name__ == "__main__":
    main()
