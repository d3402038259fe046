"""The pool: a bounded number of worker processes, whose time is shared out in slices, first come first served."""

import asyncio
import logging
import os
import pickle
import sys
from collections import deque
from pathlib import Path

from streaming.jobs.slices import LENGTH, Outcome, Task, message

log = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[2]
# Seconds that a worker has to end the slice of a job that was cancelled, before it is killed for a fresh one.
PATIENCE = 0.1
# Seconds after which a slice counts as hung. The largest network takes 2 s to build and 5 ms a chunk.
LONGEST_SLICE = 300.0


class WorkerLost(Exception):
    """A worker ended in the middle of a slice; the same slice again may work."""


class Worker:
    """One process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls) -> "Worker":
        # One thread each: the pool says how many cores are used, and sums keep their order.
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "streaming.jobs.worker"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
            env=environment,
        )
        return cls(process)

    @property
    def pid(self) -> int:
        return self._process.pid

    async def compute(self, task: Task) -> Outcome:
        """Return the outcome of a task. Raises what the task raised, and WorkerLost."""
        source, target = self._process.stdout, self._process.stdin
        assert source is not None
        assert target is not None
        try:
            target.write(message(task))
            await target.drain()
            head = await source.readexactly(LENGTH.size)
            answer = pickle.loads(await source.readexactly(LENGTH.unpack(head)[0]))
        except (OSError, EOFError) as error:
            raise WorkerLost(f"the worker {self.pid} is gone") from error
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, Outcome)
        return answer

    async def end(self) -> None:
        """End the process at once."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        # Closes the pipes' transports, which would complain of a closed loop otherwise.
        transport = self._process._transport  # type: ignore[attr-defined]
        transport.close()


class Pool:
    """At most `size` workers, started when they are needed."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._idle: deque[Worker] = deque()
        self._busy: set[Worker] = set()
        self._count = 0
        self._waiting: deque[asyncio.Future[Worker | None]] = deque()
        self._ending: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def busy(self) -> int:
        """Return how many workers compute."""
        return len(self._busy)

    @property
    def waiting(self) -> int:
        """Return how many slices wait for a worker."""
        return len(self._waiting)

    @property
    def pids(self) -> list[int]:
        """Return the processes."""
        return [worker.pid for worker in (*self._idle, *self._busy)]

    async def compute(self, task: Task) -> Outcome:
        """Return the outcome of a task when its turn has come. Raises what the task raised, and WorkerLost.

        Each job has one slice waiting at most, so first come first served is fair between them. When the caller is
        cancelled, its worker is free for others after PATIENCE seconds at the latest.
        """
        worker = await self._take()
        job = asyncio.ensure_future(worker.compute(task))
        try:
            return await asyncio.wait_for(asyncio.shield(job), LONGEST_SLICE)
        except TimeoutError:
            raise WorkerLost(f"the worker {worker.pid} hung") from None
        finally:
            if job.done() and not isinstance(job.exception(), WorkerLost):
                self._give(worker)
            else:
                ending = asyncio.ensure_future(self._retire(worker, job))
                self._ending.add(ending)
                ending.add_done_callback(self._ending.discard)

    async def _retire(self, worker: Worker, job: "asyncio.Future[Outcome]") -> None:
        """Let the worker end its slice, or end the worker."""
        await asyncio.wait([job], timeout=PATIENCE)
        if job.done() and not isinstance(job.exception(), WorkerLost):
            self._give(worker)
            return
        self._busy.discard(worker)
        await worker.end()
        await asyncio.wait([job])
        job.exception()
        self._free()

    async def _take(self) -> Worker:
        """Return a worker when the caller's turn has come."""
        if self._closed:
            raise WorkerLost("the server stops")
        if self._idle:
            worker: Worker | None = self._idle.pop()
        elif self._count < self.size:
            self._count += 1
            worker = None
        else:
            worker = await self._turn()
        if worker is None:
            try:
                worker = await Worker.start()
            except BaseException:
                self._free()
                raise
        self._busy.add(worker)
        return worker

    async def _turn(self) -> Worker | None:
        """Wait for a worker, or for the place of one that has ended (None).

        They are handed over, not set free: who comes between would take them, and the one who waited start another.
        """
        turn: asyncio.Future[Worker | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn in self._waiting:
                self._waiting.remove(turn)
            elif not turn.cancelled():
                given = turn.result()
                if given is not None:
                    self._give(given)
                else:
                    self._free()
            raise

    def _give(self, worker: Worker) -> None:
        """Hand a worker to the one who has waited longest."""
        turn = self._first()
        if turn is not None:
            turn.set_result(worker)
        else:
            self._busy.discard(worker)
            self._idle.append(worker)

    def _free(self) -> None:
        """Hand on the place of a worker that has ended."""
        turn = self._first()
        if turn is not None:
            turn.set_result(None)
        else:
            self._count -= 1

    def _first(self) -> "asyncio.Future[Worker | None] | None":
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                return turn
        return None

    async def aclose(self) -> None:
        """End all workers."""
        self._closed = True
        while (turn := self._first()) is not None:
            turn.cancel()
        await asyncio.gather(*(worker.end() for worker in (*self._idle, *self._busy)))
        if self._ending:
            await asyncio.wait(self._ending)
        self._idle.clear()
