"""The runs of this process, and its pool."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.conf import settings

from routing_ai.cores import usable_cores
from streaming.jobs import services
from streaming.jobs.errors import Busy, Cancelled, TooManyJobs
from streaming.jobs.pool import Pool
from streaming.jobs.running import Run, replaced

# Seconds that clients have to take the last event when the server stops.
DRAIN_PATIENCE = 5.0


class Runs:
    """The runs of this process, and its pool."""

    def __init__(self) -> None:
        self._runs: dict[UUID, Run] = {}
        self._pool: Pool | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.draining = False
        self.begun = 0
        self.bytes = 0
        self.seconds = 0.0

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[Run]:
        return iter(list(self._runs.values()))

    @property
    def pool(self) -> Pool:
        """Return the workers of this process; they start when they are needed."""
        if self._pool is None:
            self._loop = asyncio.get_running_loop()
            self._pool = Pool(settings.STREAMING_DATASET_WORKERS or max(1, usable_cores() - 1))
        return self._pool

    def counts(self) -> dict[str, Any]:
        """Return how much runs now, and what was done since this process started."""
        pool = self._pool
        return {
            "running": len(self._runs),
            "begun": self.begun,
            "bytes": self.bytes + sum(run.position - run.resumed_at for run in self),
            "compute_s": round(self.seconds + sum(run.seconds for run in self), 3),
            "workers": pool.size if pool else 0,
            "busy": pool.busy if pool else 0,
            "waiting": pool.waiting if pool else 0,
        }

    def admit(self, user_id: int, limit: int) -> None:
        """Raise Busy or TooManyJobs unless that user may have another run."""
        if self.draining:
            raise Busy("This server is about to restart: come back in a moment.")
        if sum(run.job.user_id == user_id for run in self) >= limit:
            raise TooManyJobs(f"{limit} jobs run for you already: wait for one, or cancel one.")

    async def serve(self, run: Run) -> None:
        """Let a run have its way; an older one of the same job ends."""
        older = self._runs.get(run.job.pk)
        if older is not None:
            older.stop(replaced())
        self._runs[run.job.pk] = run
        self.begun += 1
        try:
            # A new job has its run from its making on.
            if run.job.run != run.name:
                await services.update(run.job.pk, None, run=run.name, status=services.Status.RUNNING)
            await run.serve()
        finally:
            if self._runs.get(run.job.pk) is run:
                del self._runs[run.job.pk]
            self.bytes += run.position - run.resumed_at
            self.seconds += run.seconds

    def stop_from_thread(self, job: UUID) -> None:
        """End the run of a cancelled job, if this process has it. For threads."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop, job)

    def _stop(self, job: UUID) -> None:
        run = self._runs.get(job)
        if run is not None:
            run.stop(Cancelled("The job was cancelled."))

    async def drain(self) -> None:
        """Send the clients elsewhere: what they have, they keep, and the rest is computed where they come back."""
        self.draining = True
        for run in self:
            run.stop(Busy("This server restarts: come back with the last id."))
        end = time.monotonic() + DRAIN_PATIENCE
        while self._runs and time.monotonic() < end:  # noqa: ASYNC110 - five seconds, once in a process
            await asyncio.sleep(0.02)
        if self._pool is not None:
            pool, self._pool = self._pool, None
            await pool.aclose()


runs = Runs()
