"""What the two clients over plain HTTP share: a request that is made again until its answer is whole."""

import asyncio
import random
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from types import TracebackType
from typing import Self
from uuid import UUID, uuid4

import aiohttp
import orjson

from aura_client.answer import Answer
from aura_client.backoff import Backoff
from aura_client.errors import AuraError, Closed, Damaged, Refused, Unreachable

# No server is silent for longer while it answers: models have a minute for their first word.
SILENCE = 100.0
LINE_LIMIT = 1024 * 1024


class RequestClient(ABC):
    """Answers over HTTP, one request each. A request that breaks is made again and goes on where it was."""

    def __init__(self, url: str, key: str, *, patience: float = 120.0) -> None:
        self._url = url.rstrip("/")
        self._key = key
        self._patience = patience
        self._http: aiohttp.ClientSession | None = None
        self._tasks: dict[asyncio.Task[None], Answer] = {}

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10.0, sock_read=SILENCE)
        headers = {"Authorization": f"Bearer {self._key}"}
        self._http = aiohttp.ClientSession(timeout=timeout, headers=headers, read_bufsize=LINE_LIMIT)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Leave. Answers that are still being written are given up."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._http is not None:
            await self._http.close()

    async def ask(
        self, text: str, *, conversation: UUID | None = None, model: str = "", after: UUID | None = None
    ) -> Answer:
        """Ask a question and return its answer, which has hardly begun. `after` is that of `SessionClient.ask`."""
        names = {"conversation": conversation, "after": after}
        told = {name: str(value) for name, value in names.items() if value is not None}
        return self._begin({"text": text, **({"model": model} if model else {}), **told}, Answer())

    def _begin(self, question: dict[str, str], answer: Answer) -> Answer:
        if self._http is None:
            raise RuntimeError("use it with `async with`")
        # The same key makes the same question again one question.
        task = asyncio.create_task(self._run(question, uuid4().hex, answer))
        answer.on_cancel(task.cancel)
        self._tasks[task] = answer
        task.add_done_callback(self._tasks.pop)
        return answer

    async def _run(self, question: dict[str, str], key: str, answer: Answer) -> None:
        backoff = Backoff(patience=self._patience)
        try:
            while not answer.over:
                before, least = answer.offset, 0.0
                with suppress(OSError, TimeoutError, aiohttp.ClientError):
                    least = await self._once(question, key, answer)
                if answer.offset > before:
                    backoff.succeeded()
                if answer.over:
                    return
                pause = backoff.failed(time.monotonic(), random.random(), least)
                if pause is None:
                    raise Unreachable(f"{self._url} could not be reached for {self._patience:.0f} s")
                await asyncio.sleep(pause)
        except AuraError as error:
            answer.finish(None, error)
        except (ValueError, KeyError, TypeError) as error:
            answer.finish(None, Damaged(f"what the server sends makes no sense: {error}"))
        finally:
            answer.finish(None, Closed(1000, "the answer was given up"))

    async def _once(self, question: dict[str, str], key: str, answer: Answer) -> float:
        """Make the request and read what comes; return the least number of seconds to wait before the next one."""
        assert self._http is not None
        async with self._request(self._http, question, key, answer) as response:
            if response.status == 200:
                await self._read(response, answer)
                return 0.0
            return await _after_status(response)

    @abstractmethod
    def _request(
        self, http: aiohttp.ClientSession, question: dict[str, str], key: str, answer: Answer
    ) -> "aiohttp.client._RequestContextManager":
        """Return the request for what the answer lacks."""

    @abstractmethod
    async def _read(self, response: aiohttp.ClientResponse, answer: Answer) -> None:
        """Read the response into the answer."""


async def _after_status(response: aiohttp.ClientResponse) -> float:
    """Return how long to wait after a status that is no answer. Raises Refused when the same again is no use."""
    body = await response.read()
    try:
        error = orjson.loads(body)["error"]
        code, message = str(error["code"]), str(error["message"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        code, message = "internal", f"the server answered with status {response.status}"
    after = response.headers.get("Retry-After", "")
    seconds = float(after) if after.isascii() and after.isdigit() else None
    # A budget that is used up has room tomorrow: nobody waits for that here.
    spent = code == "budget_exhausted"
    passing = response.status in (408, 425, 502, 503, 504) or (response.status == 429 and seconds is not None)
    if passing and not spent:
        return seconds or 1.0
    raise Refused(code, message, retry=response.status in (429, 500) and not spent, retry_after=seconds)
