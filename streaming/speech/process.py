"""An engine in a process of its own, shared fairly between speakers."""

import asyncio
import logging
import os
import pickle
import sys
from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from streaming.audio.queue import FairQueue
from streaming.jobs.slices import LENGTH, message
from streaming.speech.base import EngineBusy, EngineLost, Job, SpeechError

log = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[2]
# Seconds after which a job counts as hung, and that loading may take on a machine with other things to do.
LONGEST_JOB = 30.0
LONGEST_LOAD = 120.0


class Superseded(SpeechError):
    """A passing job gave way to a newer one."""


@dataclass(slots=True, eq=False)
class _Waiting:
    job: Job
    answer: "asyncio.Future[Any]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class EngineProcess:
    """Starts when it is first asked, again after it was lost, and works off the speakers' jobs in turn."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.starts = 0
        self.jobs = 0
        self.superseded = 0
        self._queue: FairQueue[_Waiting] = FairQueue()
        self._process: asyncio.subprocess.Process | None = None
        self._worker: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._closed = False

    @property
    def pid(self) -> int | None:
        """Return its process, None when it does not run."""
        return self._process.pid if self._process is not None else None

    def __len__(self) -> int:
        """Return how many jobs wait."""
        return len(self._queue)

    async def warm_up(self) -> None:
        """Load the engine before anybody needs it. Raises SpeechError."""
        await self._ready()

    async def call(self, speaker: Hashable, method: str, *given: Any, passing: bool = False, **named: Any) -> Any:
        """Return what the engine's method returns. A job whose process is lost is done once more in a fresh one.

        Raises SpeechError: what the engine said, EngineLost, EngineBusy, or Superseded for a passing job.
        """
        if self._closed:
            raise EngineLost("the server stops")
        waiting = _Waiting(Job(method, given, named))
        for gone in self._queue.put(speaker, waiting, passing=passing):
            if gone is waiting:
                raise EngineBusy("you speak faster than this server can work: wait a moment")
            self._give_up(gone)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return await waiting.answer

    def forget(self, speaker: Hashable) -> None:
        """Drop the jobs of a speaker that wait."""
        for gone in self._queue.forget(speaker):
            self._give_up(gone)

    def _give_up(self, gone: _Waiting) -> None:
        self.superseded += 1
        if not gone.answer.done():
            gone.answer.set_exception(Superseded("something newer came"))
            # Nobody may be waiting for it any more.
            gone.answer.exception()

    async def _work(self) -> None:
        while (waiting := self._queue.take()) is not None:
            if waiting.answer.done():
                continue
            try:
                answer = await self._done(waiting.job)
            except SpeechError as error:
                answer = error
            except Exception as error:
                log.exception("the engine %s could not be asked", self.name)
                answer = SpeechError(f"{self.name} could not be asked: {error}")
            if waiting.answer.done():
                continue
            if isinstance(answer, Exception):
                waiting.answer.set_exception(answer)
            else:
                waiting.answer.set_result(answer)

    async def _done(self, job: Job) -> Any:
        for last in (False, True):
            try:
                await self._ready()
                self.jobs += 1
                answer = await asyncio.wait_for(self._asked(message(job)), LONGEST_JOB)
            except (OSError, EOFError, TimeoutError) as error:
                log.warning("the engine %s is lost: %s", self.name, type(error).__name__)
                await self._end()
                if last:
                    raise EngineLost("the speech engine broke twice over this: say it differently") from error
                continue
            return answer
        raise AssertionError("unreachable")

    async def _ready(self) -> None:
        async with self._starting:
            if self._process is None:
                await self._start()

    async def _start(self) -> None:
        self.starts += 1
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "streaming.speech.worker", self.name),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
            # A pause in speech must not cost a core: idle OpenMP threads would spin.
            env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"},
        )
        try:
            answer = await asyncio.wait_for(self._asked(b""), LONGEST_LOAD)
        except (OSError, EOFError, TimeoutError) as error:
            await self._end()
            raise EngineLost(f"the speech engine {self.name} does not start") from error
        except asyncio.CancelledError:
            await self._end()
            raise
        if isinstance(answer, SpeechError):
            await self._end()
            raise answer

    async def _asked(self, data: bytes) -> Any:
        assert self._process is not None
        source, target = self._process.stdout, self._process.stdin
        assert source is not None
        assert target is not None
        target.write(data)
        await target.drain()
        head = await source.readexactly(LENGTH.size)
        return pickle.loads(await source.readexactly(LENGTH.unpack(head)[0]))

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            process.kill()
        await process.wait()
        # Closes the pipes' transports, which would complain of a closed loop otherwise.
        process._transport.close()  # type: ignore[attr-defined]

    async def aclose(self) -> None:
        """End the process; what waits is given up."""
        self._closed = True
        while (waiting := self._queue.take()) is not None:
            self._give_up(waiting)
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.wait([self._worker])
        await self._end()
