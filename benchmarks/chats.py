"""Chats that never pause: each asks, reads the answer to its end, and asks again at once, so that as many answers are being
written all the time as there are chats. The client costs little: the protocol's own half over a bare socket."""

import asyncio
import json
import re
import time
from abc import ABC, abstractmethod
from array import array
from collections import Counter
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import urlsplit

from benchmarks import clock
from benchmarks.line import Line, open_line
from benchmarks.people import BUSY, Target
from streaming.identifiers import new_identifier
from streaming.protocol import frames
from streaming.protocol.client import ClientEvent, ClientSession, Ended, Failed, TextArrived
from streaming.protocol.codec import SessionCodec
from streaming.protocol.codes import FaultCode, Mode

LIMIT = 1 << 18
# Seconds after which a refused question is asked again when the refusal does not say.
PAUSE = 0.5
_CONTENT = re.compile(rb'"content":"([^"]*)"')


@dataclass
class Seen:
    """What all chats saw: answers and refusals in all, tokens and times (in milliseconds) while `counting`."""

    counting: bool = False
    answers: int = 0
    refused: int = 0
    tokens: int = 0
    frames: int = 0
    streaming: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    firsts: "array[float]" = field(default_factory=lambda: array("d"))
    delays: "array[float]" = field(default_factory=lambda: array("d"))
    # From the question to its refusal.
    refusals: "array[float]" = field(default_factory=lambda: array("d"))


class Chat(ABC):
    """One person. `open`, then `begin`; `stop` lets it come to the end of its answer."""

    def __init__(self, target: Target, number: int, seen: Seen) -> None:
        self.over = asyncio.Event()
        self._target = target
        self._number = number
        self._seen = seen
        self._asked = 0.0
        self._asking = False
        self._rest = ""
        self._count = 0
        self._stopped = False

    @abstractmethod
    async def open(self) -> None:
        """Open the line, if there is one for all questions. Raises OSError."""

    @abstractmethod
    def close(self) -> None:
        """Break the line."""

    @abstractmethod
    def _ask(self, words: str) -> None:
        """Send the question."""

    def begin(self) -> None:
        """Ask a question."""
        if self._stopped or self.over.is_set():
            self.over.set()
            return
        self._rest, self._count, self._asked, self._asking = "", 0, time.monotonic(), True
        self._ask(f"Chat {self._number} asks")

    def stop(self) -> None:
        """Ask nothing more; `over` is set when the answer has ended."""
        self._stopped = True
        if not self._asking:
            self.over.set()

    def _lost(self) -> None:
        if not self.over.is_set():
            self._seen.errors["the line broke"] += 1
            self.over.set()

    def _read(self, text: str) -> None:
        now, seen = time.monotonic_ns(), self._seen
        *whole, self._rest = (self._rest + text).split(" ")
        if not self._count:
            seen.streaming += 1
            if seen.counting:
                seen.firsts.append((now / 1e9 - self._asked) * 1000)
        self._count += len(whole)
        if seen.counting:
            seen.tokens += len(whole)
            if self._target.clock:
                seen.delays.extend([(now - clock.moment(word)) / 1e6 for word in whole])

    def _ended(self) -> None:
        count = self._count + bool(self._rest.strip())
        if self._target.tokens and count != self._target.tokens:
            self._seen.errors["tokens missing" if count < self._target.tokens else "tokens twice"] += 1
        self._seen.answers += 1
        self._again(0.0)

    def _again(self, seconds: float) -> None:
        self._seen.streaming -= bool(self._count)
        self._asking = False
        self._count = 0
        if self._stopped:
            self.over.set()
        elif seconds:
            asyncio.get_running_loop().call_later(seconds, self.begin)
        else:
            self.begin()


class SessionChat(Chat):
    """By a session of AURA's protocol over a WebSocket."""

    def __init__(self, target: Target, number: int, seen: Seen) -> None:
        super().__init__(target, number, seen)
        self._session = ClientSession(SessionCodec(LIMIT), mode=Mode.TOKEN, client="load")
        self._line: Line | None = None

    async def open(self) -> None:
        """Open the line. Raises OSError."""
        address = urlsplit(self._target.url)
        key = self._target.keys[self._number % len(self._target.keys)]
        headers = f"Sec-WebSocket-Protocol: aura.v1\r\nAuthorization: Bearer {key}\r\n"
        port, host = address.port or 80, address.hostname or "127.0.0.1"
        self._line = await open_line(port, "/ws/chat/", self._take, headers, host=host)
        self._line.on_lost = self._lost
        self._session.connect()
        self._flush()

    def close(self) -> None:
        """Break the line."""
        if self._line is not None:
            self._line.on_lost = None
            self._line.abort()

    def _ask(self, words: str) -> None:
        self._session.readings.clear()
        self._session.ask(words, new_identifier().bytes, model=self._target.model)
        self._flush()

    def _flush(self) -> None:
        assert self._line is not None
        out, self._session.to_send = self._session.to_send, []
        for frame in out:
            self._line.send(frames.encode(frame))

    def _take(self, data: bytes) -> None:
        self._seen.frames += self._seen.counting
        for event in self._session.receive(data, frames.decode(data)):
            self._see(event)
        if self._session.to_send:
            self._flush()

    def _see(self, event: ClientEvent) -> None:
        if isinstance(event, TextArrived):
            self._read(event.text)
        elif isinstance(event, Ended):
            self._ended()
        elif isinstance(event, Failed) and event.fault.code in BUSY:
            self._seen.refused += 1
            self._seen.refusals.append((time.monotonic() - self._asked) * 1000)
            self._again(event.fault.retry_after / 1000 or PAUSE)
        elif isinstance(event, Failed):
            self._seen.errors[f"fault {FaultCode(event.fault.code).label}"] += 1
            self._again(PAUSE)


class ApiChat(Chat, asyncio.Protocol):
    """By OpenAI's API, a connection a question; it reads no more of HTTP and JSON than models of `benchmarks.clock` need."""

    def __init__(self, target: Target, number: int, seen: Seen) -> None:
        super().__init__(target, number, seen)
        self._transport: asyncio.Transport | None = None
        self._connecting: asyncio.Task[object] | None = None
        self._buffer = b""

    async def open(self) -> None:
        """Do nothing: each question has a line of its own."""

    def close(self) -> None:
        """Break the line."""
        self.over.set()
        if self._transport is not None:
            self._transport.abort()

    def _ask(self, words: str) -> None:
        address = urlsplit(self._target.url)
        connecting = asyncio.get_running_loop().create_connection(
            lambda: self, address.hostname or "127.0.0.1", address.port or 80
        )
        self._buffer = b""
        self._connecting = asyncio.create_task(self._connect(connecting))

    async def _connect(self, connecting: Awaitable[object]) -> None:
        try:
            await connecting
        except OSError:
            self._lost()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the question."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        question = {"role": "user", "content": f"Chat {self._number} asks"}
        body = json.dumps({"model": self._target.model, "stream": True, "messages": [question]}).encode()
        key = self._target.keys[self._number % len(self._target.keys)]
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: {urlsplit(self._target.url).netloc}\r\n"
            f"Authorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        transport.write(head.encode() + body)

    def data_received(self, data: bytes) -> None:
        """Take what is whole of the events."""
        if not self._asking:
            return
        self._seen.frames += self._seen.counting
        if not self._count and data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 200"):
            self._leave()
            self._refused(int(data[9:12]))
            return
        whole, found, self._buffer = (self._buffer + data).rpartition(b"\n\n")
        text = b"".join(_CONTENT.findall(whole))
        if text:
            self._read(text.decode())
        if found and b"data: [DONE]" in whole:
            self._leave()
            self._ended()

    def _refused(self, status: int) -> None:
        if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
            self._seen.refused += 1
            self._seen.refusals.append((time.monotonic() - self._asked) * 1000)
        else:
            self._seen.errors[f"status {status}"] += 1
        self._again(PAUSE)

    def connection_lost(self, _error: Exception | None) -> None:
        """Take the end of the line, which in an answer is an error."""
        if self._transport is not None:
            self._lost()

    def _leave(self) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()


async def keep_chatting(
    target: Target, count: int, ramp: float, seconds: float, seen: Seen, kind: type[Chat] = SessionChat
) -> None:
    """Let so many chats begin over `ramp` seconds; count what is seen in the `seconds` after; let all come to an end."""
    chats = [kind(target, number, seen) for number in range(count)]
    await open_all(chats)
    begun = time.monotonic()
    for number, chat in enumerate(chats):
        await asyncio.sleep(max(0.0, begun + ramp * number / count - time.monotonic()))
        chat.begin()
    seen.counting = True
    await asyncio.sleep(seconds)
    seen.counting = False
    for chat in chats:
        chat.stop()
    try:
        async with asyncio.timeout(120):
            await asyncio.gather(*(chat.over.wait() for chat in chats))
    except TimeoutError:
        seen.errors["no end"] += sum(not chat.over.is_set() for chat in chats)
    for chat in chats:
        chat.close()


async def open_all(chats: Sequence[Chat]) -> None:
    """Open the lines of all, fifty at a time."""
    for start in range(0, len(chats), 50):
        await asyncio.gather(*(chat.open() for chat in chats[start : start + 50]))
