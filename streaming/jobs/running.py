"""Running: the events of one job for one client."""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

from audit.errors import AuditError
from streaming.datasets.events import Layout, closing, event_bytes, identifier
from streaming.datasets.network import Mode, Spec
from streaming.datasets.pace import HINTED, Pace, Shape
from streaming.datasets.parameters import CHUNKS, ENDPOINTS, LARGE, OPTIMIZED
from streaming.datasets.payload import Codec, Content, codec_for, dump
from streaming.datasets.runs import Cursor, estimate
from streaming.jobs import services
from streaming.jobs.errors import Busy, Cancelled, Gone, JobError, Replaced
from streaming.jobs.pool import Pool, WorkerLost
from streaming.jobs.slices import Outcome, Task
from streaming.models import DatasetJob

log = logging.getLogger(__name__)

# Bytes of input between two checkpoints, but never less than this many times the size of one.
CHECKPOINT = 2 * 1024 * 1024
CHECKPOINT_SHARE = 64
# Seconds between two looks at an input that another request is still sending, and how long it may stand still.
LOOK = 0.1
INPUT_PATIENCE = 120.0
# Bytes of events that are sent at once.
PART = 64 * 1024
# Seconds between two notes of how far a job is.
NOTE = 1.0

Send = Callable[[bytes], Awaitable[None]]
# Says when more of the input may have arrived.
More = Callable[[float], Awaitable[None]]


def spec_of(job: DatasetJob) -> Spec:
    """Return the network that a job asks for."""
    given = job.parameters
    return Spec(given["membrane_depth"], given["esn_size"], Mode(given["processing_mode"]), given["seed"])


def layout_of(job: DatasetJob) -> Layout:
    """Return how the events of a job look."""
    given = job.parameters
    codec = codec_for(Content(job.content or Content.TEXT))
    if job.endpoint == LARGE.name:
        return Layout(job.pk.hex, codec, hexadecimal=True)
    if job.endpoint == OPTIMIZED.name:
        return Layout(job.pk.hex, codec, progressive=given["enable_progressive_rendering"])
    return Layout(job.pk.hex, codec if given.get("enable_compression") else Codec.NONE)


class Run:
    """Works on a job and sends its events, from `position` on.

    `more` waits for more of an input that is still coming. `name` is this run's, if the job's row has it already.

    A failure becomes an `error` event; only the client's leaving is not told.
    """

    def __init__(
        self,
        job: DatasetJob,
        actor: str,
        pool: Pool,
        send: Send,
        more: More,
        *,
        position: int = 0,
        name: UUID | None = None,
    ) -> None:
        self.job = job
        self.actor = actor
        self.name = name or uuid4()
        self.position = position
        self.pace = Pace()
        self.sent = 0
        self.seconds = 0.0
        self._pool = pool
        self._send_bytes = send
        self._more = more
        self._files = services.folder(job)
        self._endpoint = ENDPOINTS[job.endpoint]
        self._chunk = self._endpoint.chunk_of(job.parameters)
        self._spec = spec_of(job)
        # Who measures the line wants what there is; who gave a hint wants events of that size.
        self._eager = job.parameters.get("bandwidth_hint") == "auto"
        self._layout = layout_of(job)
        self.resumed_at = position
        self._begun = time.monotonic()
        self._noted = (0, 0.0)
        self._last_send = self._begun
        self._available = 0
        self._interval: int = job.parameters["heartbeat_interval"]
        self._beat = math.inf
        # One slice ahead of the line: while it carries one, the next is computed.
        self._ready: asyncio.Queue[Outcome | Cursor] = asyncio.Queue(1)
        self._stopped: JobError | None = None
        self._task: asyncio.Task[None] | None = None

    # -- the way of a run --------------------------------------------------------------------------------------

    async def serve(self) -> None:
        """Send everything, up to `completion` or `error`. Cancelled when the client has left."""
        try:
            if self._stopped is not None:
                raise self._stopped
            self._task = asyncio.create_task(self._work_and_tell())
            await self._task
        except asyncio.CancelledError:
            if self._stopped is None:
                await self._cancel_task()
                await self._note(status=services.Status.WAITING)
                raise
            await self._fail(self._stopped)
        except JobError as error:
            await self._fail(error)
        except FileNotFoundError:
            await self._fail(Gone("The input of this job is not kept any more: send it again."))
        except (WorkerLost, OSError) as error:
            log.warning("job %s: %s", self.job.pk, error)
            await self._fail(Busy("The server lost a part of its work: come back with the last id."))
        except Exception:
            log.exception("job %s broke", self.job.pk)
            await self._fail(JobError("AURA failed while it worked on this input. Please tell the operator."))

    def stop(self, reason: JobError) -> None:
        """End the run with an `error` event; its worker is free at once."""
        if self._stopped is None:
            self._stopped = reason
            if self._task is not None:
                self._task.cancel()

    async def _cancel_task(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await self._task

    async def _work_and_tell(self) -> None:
        producing = asyncio.create_task(self._produce())
        noting = asyncio.create_task(self._keep_notes())
        try:
            await self._tell(producing, noting)
        finally:
            for task in (producing, noting):
                task.cancel()
            await asyncio.gather(producing, noting, return_exceptions=True)

    # -- the work ----------------------------------------------------------------------------------------------

    async def _produce(self) -> None:
        cursor = await self._start()
        kept = cursor.position if cursor else 0
        still = time.monotonic()
        while True:
            available, last = await asyncio.to_thread(self._files.look)
            if available != self._available:
                self._available, still = available, time.monotonic()
            at = cursor.position if cursor else 0
            if available - at < (1 if last else self._chunk):
                if last:
                    break
                if time.monotonic() - still > INPUT_PATIENCE:
                    raise Busy("The input has not grown for two minutes: send the rest, then come back.")
                await self._more(LOOK)
                continue
            shape = self._shape()
            task = Task(
                self._spec, self._chunk, self._layout, shape, self._files, cursor, available, last,
                self.resumed_at, self._eager,
            )  # fmt: skip
            outcome = await self._compute(task)
            cursor = outcome.cursor
            self.seconds += outcome.seconds
            if cursor.position - kept >= CHECKPOINT:
                size = await asyncio.to_thread(self._checkpoint, cursor, kept)
                kept = cursor.position if size else kept
            if cursor.position > self.resumed_at:
                await self._ready.put(outcome)
        # A job without a single byte still has an end.
        final = cursor if cursor is not None else await asyncio.to_thread(Cursor.start, self._spec)
        await self._ready.put(final)

    async def _start(self) -> Cursor | None:
        """Return the cursor of the last checkpoint before the client's position, None for the beginning."""
        if not self.resumed_at:
            return None
        state = await asyncio.to_thread(self._files.nearest, self.resumed_at)
        try:
            return await asyncio.to_thread(Cursor.loads, state, self._spec) if state else None
        except ValueError:
            log.warning("job %s: a checkpoint cannot be read; it is computed anew", self.job.pk)
            return None

    async def _compute(self, task: Task) -> Outcome:
        try:
            return await self._pool.compute(task)
        except WorkerLost as error:
            # Nothing is lost but time: the same slice gives the same.
            log.warning("job %s: %s; its slice is computed again", self.job.pk, error)
            return await self._pool.compute(task)

    def _checkpoint(self, cursor: Cursor, kept: int) -> int:
        state = cursor.dumps(self._spec)
        if cursor.position - kept < CHECKPOINT_SHARE * len(state):
            return 0
        self._files.save(cursor.position, state)
        return len(state)

    def _shape(self) -> Shape:
        given = self.job.parameters
        if self._endpoint is LARGE:
            return Shape(0, given["compression_level"])
        if self._endpoint is OPTIMIZED:
            hint = given["bandwidth_hint"]
            shape = self.pace.shape() if hint == "auto" else HINTED[hint]
            return shape if given["adaptive_compression"] else Shape(shape.group, 0)
        return Shape(0, 1 if given.get("enable_compression") else 0)

    # -- the telling -------------------------------------------------------------------------------------------

    async def _tell(self, producing: "asyncio.Task[None]", noting: "asyncio.Task[None]") -> None:
        silent = not self.job.parameters.get(CHUNKS.own[-1].name, True)
        available, _ = await asyncio.to_thread(self._files.look)
        self._available = available
        await self._send(event_bytes("metadata", dump(self._metadata(available)), self._identifier()))
        if not silent and max(self.job.size or 0, available) > self._endpoint.announce:
            await self._send(self._heartbeat())
        self._beat = math.inf if silent else time.monotonic() + self._interval
        getting: asyncio.Task[Outcome | Cursor] = asyncio.create_task(self._ready.get())
        try:
            while True:
                patience = None if silent else max(0.0, self._beat - time.monotonic())
                await asyncio.wait({getting, producing, noting}, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
                for task in (producing, noting):
                    if task.done() and not getting.done():
                        task.result()
                await self._beat_if_due()
                if getting.done():
                    outcome = getting.result()
                    if isinstance(outcome, Cursor):
                        break
                    await self._send_events(outcome)
                    getting = asyncio.create_task(self._ready.get())
                elif producing.done():
                    # The last slice is in the queue, or on its way from it.
                    await asyncio.wait({getting})
        finally:
            getting.cancel()
        await self._complete(outcome)

    async def _beat_if_due(self) -> None:
        """Send a heartbeat when its time has come; one that a slow line made late is not made up for."""
        now = time.monotonic()
        if now >= self._beat:
            self._beat += self._interval * math.ceil((now - self._beat) / self._interval + 1e-9)
            await self._send(self._heartbeat())

    async def _send_events(self, outcome: Outcome) -> None:
        """Send the events of a slice in parts, with heartbeats between them: a slow line takes its time for each."""
        waiting, size = [], 0
        delayed = self._endpoint is CHUNKS and self.pace.delay
        for event in outcome.events:
            waiting.append(event)
            size += len(event)
            if size >= PART or delayed:
                await self._send(b"".join(waiting))
                waiting, size = [], 0
                await self._beat_if_due()
                if delayed:
                    await asyncio.sleep(self.pace.delay)
        if waiting:
            await self._send(b"".join(waiting))
        self.position = max(self.position, outcome.cursor.told)

    async def _send(self, data: bytes) -> None:
        before = time.monotonic()
        await self._send_bytes(data)
        now = time.monotonic()
        self.pace.sent(len(data), now - before, now - self._last_send)
        self._last_send = now
        self.sent += len(data)

    def _identifier(self) -> str:
        return identifier(self.job.pk.hex, self.position)

    def _metadata(self, available: int) -> dict[str, Any]:
        size = self.job.size
        known = size if size is not None else available
        share = max(1, self._pool.busy + self._pool.waiting) / self._pool.size
        return {
            "job": str(self.job.pk),
            "endpoint": self._endpoint.name,
            "parameters": self.job.parameters,
            "content": self.job.content,
            "size": size,
            "received": available,
            "position": self.position,
            "chunk": self._chunk,
            "network": {"membranes": self._spec.membranes, "units": self._spec.units},
            "estimate": {
                "chunks": -(-(known - self.position) // self._chunk),
                "seconds": round(estimate(self._spec, self._chunk, max(0, known - self.position)) * max(1.0, share), 3),
            },
        }

    def _heartbeat(self) -> bytes:
        elapsed = time.monotonic() - self._begun
        fields = {
            "position": self.position,
            "received": self._available,
            "elapsed_s": round(elapsed, 3),
            "bytes_per_s": round((self.position - self.resumed_at) / max(elapsed, 1e-6)),
            "bandwidth": self.pace.bandwidth,
        }
        return event_bytes("heartbeat", dump(fields))

    async def _complete(self, final: Cursor) -> None:
        elapsed = max(time.monotonic() - self._begun, 1e-6)
        summary = final.summary()
        self.position = final.position
        job = await services.find_again(self.job)
        done = {
            "job": str(job.pk),
            "summary": summary,
            "sha256": job.digest,
            "elapsed_s": round(elapsed, 6),
            "compute_s": round(self.seconds, 6),
            "throughput_mb_s": round((self.position - self.resumed_at) / elapsed / 1e6, 3),
            "events_bytes": self.sent,
        }
        if self._layout.progressive:
            done["closing"] = closing(summary)
        await self._note()
        await services.ended(job, self.actor, services.Status.DONE, sha256=job.digest, **summary_of_record(summary))
        # One behind the last byte: who has this id has everything.
        await self._send(event_bytes("completion", dump(done), identifier(self.job.pk.hex, self.position + 1)))

    async def _fail(self, error: JobError) -> None:
        await self._cancel_task()
        fields = {
            "code": error.code.label,
            "message": str(error),
            "recoverable": error.recoverable,
            "position": self.position,
        }
        if error.retry_after is not None:
            fields["retry_after_ms"] = error.retry_after * 1000
        with suppress(AuditError):
            if error.recoverable:
                await self._note(status=services.Status.WAITING)
            elif not isinstance(error, (Cancelled, Replaced)):
                await services.ended(
                    self.job, self.actor, services.Status.FAILED, code=error.code.label, message=str(error),
                    position=self.position,
                )  # fmt: skip
        await self._send_bytes(event_bytes("error", dump(fields)))

    # -- the notes ---------------------------------------------------------------------------------------------

    async def _keep_notes(self) -> None:
        """Write down how far the job is; end when it was cancelled or has another run."""
        while True:
            await asyncio.sleep(NOTE)
            if not await self._note():
                status = (await services.find_again(self.job)).status
                raise Cancelled("The job was cancelled.") if status == services.Status.CANCELLED else replaced()

    async def _note(self, **values: Any) -> bool:
        sent, seconds = self._noted
        self._noted = (self.sent, self.seconds)
        return await services.add_work(
            self.job.pk,
            self.name,
            sent=self.sent - sent,
            compute_ms=round(1000 * (self.seconds - seconds)),
            position=self.position,
            received=self._available,
            **values,
        )


def summary_of_record(summary: dict[str, Any]) -> dict[str, Any]:
    """Return what the record keeps of a summary."""
    return {"size": summary["bytes"], "chunks": summary["chunks"], "mean_novelty": summary["mean_novelty"]}


def replaced() -> Replaced:
    """Return why the older of two runs ends."""
    return Replaced("The job goes on for a newer connection.")
