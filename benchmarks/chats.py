"""Chats that never pause: each asks, reads the answer to its end, and asks again at once, so that as many answers are being
written all the time as there are chats. The client costs little: the protocol's own half over a bare socket."""

import asyncio
import time
from array import array
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from benchmarks import clock
from benchmarks.line import Line, open_line
from benchmarks.people import BUSY, Target
from streaming.identifiers import new_identifier
from streaming.protocol import frames
from streaming.protocol.client import ClientEvent, ClientSession, Ended, Failed, Reading, TextArrived
from streaming.protocol.codec import SessionCodec
from streaming.protocol.codes import FaultCode, Mode

LIMIT = 1 << 18
# Seconds after which a refused question is asked again when the refusal does not say.
PAUSE = 0.5


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


class Chat:
    """One person's session. `open`, then `begin`; `stop` lets it come to the end of its answer."""

    def __init__(self, target: Target, number: int, seen: Seen) -> None:
        self._target = target
        self._number = number
        self._seen = seen
        self._session = ClientSession(SessionCodec(LIMIT), mode=Mode.TOKEN, client="load")
        self._line: Line | None = None
        self._reading: Reading | None = None
        self._asked = 0.0
        self._rest = ""
        self._count = 0
        self._stopped = False
        self.over = asyncio.Event()

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

    def begin(self) -> None:
        """Ask a question."""
        if self._stopped or self.over.is_set():
            self.over.set()
            return
        self._rest, self._count, self._asked = "", 0, time.monotonic()
        self._session.readings.clear()
        words = f"Chat {self._number} asks"
        self._reading = self._session.ask(words, new_identifier().bytes, model=self._target.model)
        self._flush()

    def stop(self) -> None:
        """Ask nothing more; `over` is set when the answer has ended."""
        self._stopped = True
        if self._reading is None:
            self.over.set()

    def close(self) -> None:
        """Break the line."""
        if self._line is not None:
            self._line.on_lost = None
            self._line.abort()

    def _lost(self) -> None:
        if not self.over.is_set():
            self._seen.errors["the line broke"] += 1
            self.over.set()

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
        seen = self._seen
        if isinstance(event, TextArrived):
            self._read(event.text)
        elif isinstance(event, Ended):
            count = self._count + bool(self._rest.strip())
            if self._target.tokens and count != self._target.tokens:
                seen.errors["tokens missing" if count < self._target.tokens else "tokens twice"] += 1
            seen.answers += 1
            self._again(0.0)
        elif isinstance(event, Failed) and event.fault.code in BUSY:
            seen.refused += 1
            seen.refusals.append((time.monotonic() - self._asked) * 1000)
            self._again(event.fault.retry_after / 1000 or PAUSE)
        elif isinstance(event, Failed):
            seen.errors[f"fault {FaultCode(event.fault.code).label}"] += 1
            self._again(PAUSE)

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

    def _again(self, seconds: float) -> None:
        self._seen.streaming -= bool(self._count)
        self._reading = None
        self._count = 0
        if self._stopped:
            self.over.set()
        elif seconds:
            asyncio.get_running_loop().call_later(seconds, self.begin)
        else:
            self.begin()


async def keep_chatting(target: Target, count: int, ramp: float, seconds: float, seen: Seen) -> None:
    """Let so many chats begin over `ramp` seconds; count what is seen in the `seconds` after; let all come to an end."""
    chats = [Chat(target, number, seen) for number in range(count)]
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


async def open_all(chats: list[Chat]) -> None:
    """Open the lines of all, fifty at a time."""
    for start in range(0, len(chats), 50):
        await asyncio.gather(*(chat.open() for chat in chats[start : start + 50]))
