"""People who chat: each asks, reads the answer to its end, thinks, and asks again, by one of three ways in.

Every error has a name; a refusal with a time to wait (429, 503, `overloaded` ...) is no error, and the person waits.
"""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field

import aiohttp
from websockets.exceptions import ConnectionClosed

from benchmarks import clock
from streaming.client import ChatClient
from streaming.protocol.client import Ended, Failed, TextArrived
from streaming.protocol.codes import FaultCode, Mode

# Seconds without anything after which an answer counts as lost.
PATIENCE = 60.0
BUSY = frozenset({FaultCode.OVERLOADED, FaultCode.RATE_LIMITED, FaultCode.TOO_MANY_STREAMS})


class Busy(Exception):
    """A refusal that says how many seconds to wait."""

    def __init__(self, wait: float) -> None:
        super().__init__(wait)
        self.wait = wait


class Wrong(Exception):
    """An answer that is not what it should be; the message is the name to count it by."""


@dataclass
class Target:
    """The server: its address, keys (one is taken for each person), the model, and how many tokens its answers have.

    With `clock` each token is the time at which the model said it (nanoseconds of this machine's monotonic clock).
    """

    url: str
    keys: list[str]
    model: str
    tokens: int = 0
    clock: bool = False


@dataclass
class Tally:
    """What people saw. Times are in milliseconds."""

    answers: int = 0
    refused: int = 0
    tokens: int = 0
    open: int = 0
    most: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    firsts: list[float] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)


class Reading:
    """One answer as it comes."""

    def __init__(self, target: Target, tally: Tally) -> None:
        self._target = target
        self._tally = tally
        self._begun = time.monotonic()
        self._rest = ""
        self._count = 0

    def take(self, text: str) -> None:
        """Count text that has just arrived."""
        now = time.monotonic_ns()
        if not self._count and not self._rest:
            self._tally.firsts.append((now / 1e9 - self._begun) * 1000)
        *whole, self._rest = (self._rest + text).split(" ")
        self._count += len(whole)
        if self._target.clock:
            self._tally.delays += [(now - clock.moment(word)) / 1e6 for word in whole]

    def end(self) -> None:
        """Count the answer. Raises Wrong when some of it is missing, or there twice."""
        self._count += bool(self._rest.strip())
        self._tally.tokens += self._count
        if self._target.tokens and self._count != self._target.tokens:
            raise Wrong("tokens missing" if self._count < self._target.tokens else "tokens twice")
        self._tally.answers += 1


Way = Callable[[Target, str, Tally], AsyncIterator[Callable[[str], Awaitable[None]]]]


async def by_websocket(target: Target, key: str, tally: Tally) -> AsyncGenerator[Callable[[str], Awaitable[None]]]:
    """Yield what asks one question over one session."""
    async with ChatClient(f"ws{target.url[4:]}/ws/chat/", key, mode=Mode.TOKEN) as client:

        async def ask(question: str) -> None:
            reading = Reading(target, tally)
            async for event in client.ask(question, model=target.model):
                if isinstance(event, TextArrived):
                    reading.take(event.text)
                elif isinstance(event, Failed):
                    if event.fault.code in BUSY:
                        raise Busy(event.fault.retry_after / 1000)
                    raise Wrong(f"fault {FaultCode(event.fault.code).label}")
                elif isinstance(event, Ended):
                    reading.end()

        yield ask


async def by_sse(target: Target, key: str, tally: Tally) -> AsyncGenerator[Callable[[str], Awaitable[None]]]:
    """Yield what asks one question by Server-Sent Events, over one HTTP connection that is kept."""
    async with _http(key) as http:

        async def ask(question: str) -> None:
            reading, name = Reading(target, tally), ""
            asked = {"q": question, "model": target.model}
            async with http.get(f"{target.url}/api/v1/stream/chat", params=asked) as response:
                _check(response)
                async for line in response.content:
                    if line.startswith(b"event: "):
                        name = line[7:].strip().decode()
                    elif line.startswith(b"data: ") and name == "token":
                        reading.take(json.loads(line[6:])["text"])
                    elif line.startswith(b"data: ") and name == "done":
                        reading.end()
                        return
                    elif line.startswith(b"data: ") and name == "error":
                        raise Wrong(f"fault {json.loads(line[6:])['code']}")
            raise Wrong("no end")

        yield ask


async def by_openai(target: Target, key: str, tally: Tally) -> AsyncGenerator[Callable[[str], Awaitable[None]]]:
    """Yield what asks one question by OpenAI's API, streamed."""
    async with _http(key) as http:

        async def ask(question: str) -> None:
            reading = Reading(target, tally)
            body = {"model": target.model, "stream": True, "messages": [{"role": "user", "content": question}]}
            async with http.post(f"{target.url}/v1/chat/completions", json=body) as response:
                _check(response)
                async for line in response.content:
                    if not line.startswith(b"data: "):
                        continue
                    if line.startswith(b"data: [DONE]"):
                        reading.end()
                        return
                    event = json.loads(line[6:])
                    if "error" in event:
                        raise Wrong(f"fault {event['error'].get('code')}")
                    text = event["choices"][0]["delta"].get("content") if event["choices"] else ""
                    if text:
                        reading.take(text)
            raise Wrong("no end")

        yield ask


WAYS: dict[str, Way] = {"websocket": by_websocket, "sse": by_sse, "openai": by_openai}


def _http(key: str) -> aiohttp.ClientSession:
    timeout = aiohttp.ClientTimeout(total=None, sock_read=PATIENCE)
    return aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}, timeout=timeout)


def _check(response: aiohttp.ClientResponse) -> None:
    if response.status in (429, 503):
        raise Busy(float(response.headers.get("Retry-After", 1)))
    if response.status != 200:
        raise Wrong(f"status {response.status}")


async def person(target: Target, number: int, way: str, tally: Tally, think: float, until: asyncio.Event) -> None:
    """Live one person's session until the event: ask, read, think for `think` seconds on average."""
    key = target.keys[number % len(target.keys)]
    moods = random.Random(number)
    asked = 0
    while not until.is_set():
        try:
            async with aclosing(WAYS[way](target, key, tally)) as opened:  # type: ignore[type-var]
                ask = await anext(aiter(opened))
                while not until.is_set():
                    asked += 1
                    await _ask(ask, f"Person {number} asks for the {asked}th time", tally)
                    await _pause(moods.expovariate(1 / think) if think else 0.0, until)
        except (OSError, ConnectionClosed, aiohttp.ClientError, TimeoutError) as error:
            tally.errors[type(error).__name__] += 1
            await _pause(1.0, until)


async def _ask(ask: Callable[[str], Awaitable[None]], question: str, tally: Tally) -> None:
    tally.open += 1
    tally.most = max(tally.most, tally.open)
    try:
        async with asyncio.timeout(PATIENCE):
            await ask(question)
    except Busy as busy:
        tally.refused += 1
        await asyncio.sleep(min(busy.wait, 10.0))
    except Wrong as wrong:
        tally.errors[str(wrong)] += 1
    finally:
        tally.open -= 1


async def _pause(seconds: float, until: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(seconds):
            await until.wait()
    except TimeoutError:
        pass
