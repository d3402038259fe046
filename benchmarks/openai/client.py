"""A load client: streams over connections that are kept, and sees what a reader sees."""

import asyncio
import json
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Answer:
    """One streamed answer: its status, seconds to the first token and to the end, its text, and whether [DONE] came."""

    status: int
    first: float
    total: float
    text: str
    whole: bool


class Connection:
    """One connection to `port` of the loopback, one request after the other."""

    def __init__(self, port: int, key: str = "none") -> None:
        self._port = port
        self._key = key
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, model: str, prompt: str, max_tokens: int = 512) -> Answer:
        """Return the answer. A connection that the server closed is opened anew."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        body = json.dumps(
            {
                "model": model,
                "stream": True,
                "stream_options": {"include_usage": True},
                "max_tokens": max_tokens,
                "messages": [{"role": "system", "content": "You are helpful."}, {"role": "user", "content": prompt}],
            }
        ).encode()
        begun = time.perf_counter()
        writer.write(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            b"Authorization: Bearer %s\r\nContent-Length: %d\r\n\r\n" % (self._key.encode(), len(body)) + body
        )
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        status = int(head[9:12])
        if b"content-length:" in head:
            size = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
            text = (await reader.readexactly(size)).decode()
            return Answer(status, 0.0, time.perf_counter() - begun, text, False)
        return await self._events(reader, status, begun)

    async def _events(self, reader: asyncio.StreamReader, status: int, begun: float) -> Answer:
        texts: list[str] = []
        first, rest, whole = 0.0, b"", False
        while True:
            size = int((await reader.readline()).strip() or b"0", 16)
            data = await reader.readexactly(size + 2)
            if not size:
                return Answer(status, first, time.perf_counter() - begun, "".join(texts), whole)
            *events, rest = (rest + data[:-2]).split(b"\n\n")
            for event in events:
                if event == b"data: [DONE]":
                    whole = True
                elif event.startswith(b"data: {"):
                    for choice in json.loads(event[6:]).get("choices", []):
                        text = choice["delta"].get("content")
                        if text:
                            first = first or time.perf_counter() - begun
                            texts.append(text)

    def close(self) -> None:
        """Drop the connection."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def run(port: int, key: str, model: str, clients: int, requests: int, spread: float = 0.0) -> list[Answer]:
    """Return the answers of that many requests by that many clients, which begin all at once or over `spread` seconds."""
    connections = [Connection(port, key) for _ in range(clients)]
    left = iter(range(requests))

    async def worker(number: int, connection: Connection) -> list[Answer]:
        await asyncio.sleep(spread * number / clients)
        return [await connection.ask(model, f"Tell me about streams ({number})") for number in left]

    try:
        return [
            answer for answers in await asyncio.gather(*map(worker, range(clients), connections)) for answer in answers
        ]
    finally:
        for connection in connections:
            connection.close()


def cpu_ms(process: int) -> float:
    """Return the milliseconds of CPU that a process has used so far, all its threads together (Linux)."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 10.0
