"""A client of the dataset endpoints that reads while it sends."""

import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from streaming.datasets.network import Mode, Spec
from streaming.datasets.payload import results_of
from streaming.datasets.runs import Cursor, advance
from tests.live import LiveServer

BASE = "/deep_tree_echo"


@dataclass
class Event:
    name: str
    data: dict[str, Any]
    id: str
    raw: bytes


class Answer:
    """A response, event by event."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.response = response

    async def __aiter__(self) -> AsyncIterator[Event]:
        waiting = b""
        async for data in self.response.content.iter_any():
            waiting += data
            *whole, waiting = waiting.split(b"\n\n")
            for raw in whole:
                fields = dict(line.split(": ", 1) for line in raw.decode().split("\n"))
                yield Event(fields["event"], json.loads(fields["data"]), fields.get("id", ""), raw)
        assert waiting == b""

    async def json(self) -> Any:
        return json.loads(await self.response.read())

    async def all(self) -> list[Event]:
        return [event async for event in self]


class Client:
    """Requests with a key; `key` empty for none."""

    def __init__(self, live: LiveServer, session: aiohttp.ClientSession, key: str | None = None) -> None:
        self.live = live
        self.session = session
        self.headers = {"Authorization": f"Bearer {key or live.key}"} if key != "" else {}

    @asynccontextmanager
    async def ask(self, path: str, data: Any = None, method: str = "POST", **headers: str) -> AsyncIterator[Answer]:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        names.setdefault("Content-Type", "application/octet-stream")
        url = f"{self.live.url}{BASE}/{path}"
        if isinstance(data, bytes):
            data = io.BytesIO(data)
        async with self.session.request(method, url, data=data, headers={**self.headers, **names}) as response:
            yield Answer(response)

    async def events(self, path: str, data: Any = None, method: str = "POST", **headers: str) -> list[Event]:
        async with self.ask(path, data, method, **headers) as answer:
            assert answer.status == 200, await answer.response.text()
            return await answer.all()

    async def value(self, path: str, data: Any = None, method: str = "POST", **headers: str) -> tuple[int, Any]:
        async with self.ask(path, data, method, **headers) as answer:
            return answer.status, await answer.json()


def chunks(events: list[Event]) -> list[Event]:
    return [event for event in events if event.name == "chunk"]


def chunk_bytes(events: list[Event]) -> bytes:
    """Return the chunk events as they came, without the name of the job."""
    return b"".join(event.raw.partition(b":1:")[2] for event in chunks(events))


def results(events: list[Event]) -> list[dict[str, Any]]:
    """Return the results that events carry one by one."""
    return [json.loads(results_of(event.data)) for event in chunks(events)]


def expected(data: bytes, chunk: int, spec: Spec | None = None) -> list[dict[str, Any]]:
    """Return the results that the pure core gives."""
    spec = spec or Spec(3, 64, Mode.TREE, 0)
    return [json.loads(result.json) for result in advance(spec, chunk, Cursor.start(spec), data)]


def workers(live: LiveServer) -> list[int]:
    """Return the worker processes of a server."""
    assert live.process is not None
    pids = Path(f"/proc/{live.process.pid}/task/{live.process.pid}/children").read_text().split()
    return [int(pid) for pid in pids if b"streaming.jobs.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]
