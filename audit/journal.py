"""The journal: the one way onto the record. Group commit by one writer thread a process."""

import asyncio
import atexit
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from django.db import DatabaseError, IntegrityError, connections, transaction

from audit.checkpoints import Heads
from audit.errors import AuditError, Conflict, NotAllowed, RecordUnavailable
from audit.records.event import ENDS, Event, content_bytes
from audit.vault import Vault, vault

if TYPE_CHECKING:
    from audit.openings import Opening

log = logging.getLogger(__name__)

# Events that may wait at once; behind that, `append` waits. A commit takes at most BATCH of them.
QUEUE_LIMIT = 10_000
BATCH = 1_000
# Seconds for which events that are patient wait for others, if the commit before them had several callers: a commit of one
# event costs some seven times what an event costs in a commit of many.
PATIENCE = 0.01
# Seconds without a commit after which the connection is looked at before it is used.
RESTED = 1.0

# Runs inside the journal's transaction, given the number of the newest entry; returns events to put on the ledger too.
Work = Callable[[int], list[Event]]


class _Job:
    """Events that one caller appends together; it waits for `done`, on an event loop or on a thread."""

    __slots__ = ("contents", "done", "events", "opening", "patient", "work")

    def __init__(
        self,
        events: Sequence[Event],
        done: "asyncio.Future[list[int]] | Future[list[int]]",
        opening: "Opening | None",
        work: Work | None,
        patient: bool = False,
    ) -> None:
        self.events = events
        self.contents = [content_bytes(event.text, event.meta) for event in events]
        self.done = done
        self.opening = opening
        self.work = work
        self.patient = patient

    def begin(self) -> bool:
        """Return whether the caller still wants it. From here on a cancelled caller changes nothing."""
        if isinstance(self.done, Future):
            return self.done.set_running_or_notify_cancel()
        return not self.done.cancelled()


class Journal:
    """Appends events to the record of one database.

    While a commit runs, what arrives waits and goes into the next one together; with nothing running a commit begins at
    once, unless all that waits is patient and lately did not come alone. Several processes may have a journal on the same
    database: the head of the chain is read inside the transaction, under the database's own lock.
    """

    def __init__(self, alias: str = "default", keys: Vault | None = None) -> None:
        self._alias = alias
        self._vault = keys or vault()
        self._heads = Heads(alias)
        self._jobs: deque[_Job] = deque()
        self._waiting = 0
        # Jobs that wait and are not patient; until when the others may wait; whether several came together last time.
        self._urgent = 0
        self._until = 0.0
        self._company = False
        self._wrote = -math.inf
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closing = False

    @property
    def waiting(self) -> int:
        """Return how many events wait to be written."""
        return self._waiting

    async def append(self, events: Sequence[Event], opening: "Opening | None" = None) -> list[int]:
        """Return the sequence numbers of the events, once they are durable.

        With an `opening` their conversation is made before them if it is new. Raises NotAllowed when it is another user's,
        Conflict for an event whose place in its stream is taken, RecordUnavailable when the database does not take it,
        ValueError for what JSON cannot hold. A cancelled caller does not undo what has begun.
        """
        await self.room()
        return await self.put(events, opening)

    async def room(self) -> None:
        """Return when fewer than QUEUE_LIMIT events wait."""
        while self._waiting >= QUEUE_LIMIT:  # noqa: ASYNC110 - the writer is a thread, and this is the rare case
            await asyncio.sleep(0.005)

    def put(
        self, events: Sequence[Event], opening: "Opening | None" = None, *, patient: bool = False
    ) -> asyncio.Future[list[int]]:
        """Queue events, return what `append` waits for; see `room`. Cancelled before they are begun they are not written.
        `patient` ones may wait PATIENCE seconds longer where that spares commits."""
        done: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
        self._put(_Job(events, done, opening, None, patient))
        return done

    def submit(
        self, events: Sequence[Event], work: Work | None = None, *, opening: "Opening | None" = None
    ) -> "Future[list[int]]":
        """Queue events without waiting, for callers outside an event loop; see `append`.

        `work` runs in the transaction that writes the events, which is then of this job alone; see audit.tracking.
        """
        done: Future[list[int]] = Future()
        self._put(_Job(events, done, opening, work))
        return done

    def _put(self, job: _Job) -> None:
        with self._wake:
            if self._closing:
                raise RecordUnavailable("the record is being closed")
            self._jobs.append(job)
            self._waiting += len(job.events)
            self._urgent += not job.patient
            if len(self._jobs) == 1:
                self._until = time.monotonic() + PATIENCE
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
                self._thread.start()
            if not job.patient or len(self._jobs) == 1:
                self._wake.notify()

    def close(self) -> None:
        """Commit what waits, then end the thread and its connection. The journal may be used again afterwards."""
        from audit.examiner import examiner

        if self is _journal:
            examiner().close()
        with self._wake:
            self._closing = True
            self._wake.notify()
            thread = self._thread
        if thread is not None:
            thread.join()
        with self._wake:
            self._closing = False
            self._thread = None
            # Another database may be there by the time it is used again.
            self._heads = Heads(self._alias)
            self._vault.forget()

    def _run(self) -> None:
        try:
            while not self._over():
                jobs = self._take()
                if jobs:
                    try:
                        self._commit(jobs)
                    except Exception as error:
                        # Nobody may wait for ever because of a fault in here.
                        log.exception("the journal failed")
                        _tell(jobs, [_as_audit_error(error)] * len(jobs))
                    self._heads.written()
                if self._heads.due() == 0:
                    self._heads.publish()
            self._heads.publish()
        finally:
            connections[self._alias].close()

    def _over(self) -> bool:
        with self._wake:
            return self._closing and not self._jobs

    def _take(self) -> list[_Job]:
        """Return the jobs of the next commit, waiting for one; none when a head is due or the end has come."""
        with self._wake:
            while (pause := self._pause()) != 0:
                self._wake.wait(pause)
            jobs: list[_Job] = []
            size = 0
            while self._jobs and (not jobs or size + len(self._jobs[0].events) <= BATCH):
                if jobs and (self._jobs[0].work or jobs[0].work):
                    break
                job = self._jobs.popleft()
                self._waiting -= len(job.events)
                self._urgent -= not job.patient
                if job.begin():
                    size += len(job.events)
                    jobs.append(job)
            self._until = 0.0
            if jobs:
                self._company = len(jobs) > 1
            return jobs

    def _pause(self) -> float | None:
        """Return the seconds until there is something to do if nothing comes, None for ever."""
        if self._closing:
            return 0
        if not self._jobs:
            return self._heads.due()
        if self._urgent or not self._company or self._waiting >= BATCH:
            return 0
        return max(0.0, self._until - time.monotonic())

    def _commit(self, jobs: list[_Job]) -> None:
        try:
            numbers = self._write(jobs)
        except IntegrityError as error:
            if len(jobs) == 1:
                _tell(jobs, [Conflict(f"it stands on the record already: {error}")])
                return
            # One of them is at fault: each by itself, so that it fails alone.
            for job in jobs:
                self._commit([job])
        except Exception as error:
            if jobs[0].work is None:
                log.exception("the record could not be written")
            connections[self._alias].close()
            # What a caller's own work raises is the caller's.
            _tell(jobs, [_as_audit_error(error) if job.work is None else error for job in jobs])
        else:
            _tell(jobs, numbers)
            _offer(jobs)

    def _write(self, jobs: list[_Job]) -> "list[_Outcome]":
        """Write the jobs in one transaction; return the numbers of each one's events, or why it was refused."""
        from audit import ledger

        connection = connections[self._alias]
        if time.monotonic() - self._wrote > RESTED:
            connection.close_if_unusable_or_obsolete()
        first = 0
        try:
            with transaction.atomic(using=self._alias), connection.cursor() as cursor:
                before = ledger.begin(connection, cursor, self._vault)
                batch = _Batch()
                opened = self._open(connection, cursor, jobs)
                for job in jobs:
                    further = job.work(before.sequence) if job.work is not None else []
                    batch.add(job, opened.get(job), further)
                if batch.events:
                    first = ledger.write(
                        connection, cursor, self._vault, batch.events, batch.contents, before=before, commit=True
                    )
        except BaseException:
            # It may know of subjects that were not kept.
            self._vault.forget()
            raise
        self._wrote = time.monotonic()
        return batch.outcomes(first)

    def _open(self, connection: Any, cursor: Any, jobs: list[_Job]) -> "dict[_Job, Event | NotAllowed | None]":
        """Open the conversations of those jobs that say so."""
        from audit import openings

        asking = [job for job in jobs if job.opening is not None]
        if not asking:
            return {}
        wanted = [job.opening for job in asking if job.opening is not None]
        return dict(zip(asking, openings.write(connection, cursor, self._vault, wanted), strict=True))


_Outcome = list[int] | Exception


class _Batch:
    """The events of a transaction in their order, and which of them are whose."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.contents: list[bytes] = []
        self._places: list[range | NotAllowed] = []

    def add(self, job: _Job, opened: Event | NotAllowed | None, further: Sequence[Event]) -> None:
        """Put a job's events in, behind what opened their conversation and before what its work adds; none of one that is
        refused."""
        if isinstance(opened, NotAllowed):
            self._places.append(opened)
            return
        if opened is not None:
            self._put(opened)
        first = len(self.events)
        self.events += job.events
        self.contents += job.contents
        for event in further:
            self._put(event)
        self._places.append(range(first, len(self.events)))

    def _put(self, event: Event) -> None:
        self.events.append(event)
        self.contents.append(content_bytes(event.text, event.meta))

    def outcomes(self, first: int) -> list[_Outcome]:
        """Return for each job the numbers of its events, the batch's first having number `first`, or why it was refused."""
        return [
            place if isinstance(place, NotAllowed) else [first + index for index in place] for place in self._places
        ]


def _tell(jobs: Sequence[_Job], outcomes: Sequence[_Outcome]) -> None:
    """Give the callers what became of their jobs; each event loop is woken once for all of its own."""
    loops: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[list[int]], _Outcome]]] = {}
    for job, outcome in zip(jobs, outcomes, strict=True):
        if not isinstance(job.done, Future):
            loops.setdefault(job.done.get_loop(), []).append((job.done, outcome))
        elif isinstance(outcome, Exception):
            job.done.set_exception(outcome)
        else:
            job.done.set_result(outcome)
    for loop, told in loops.items():
        # A loop that was closed meanwhile has nobody left who waits.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_settle, told)


def _settle(told: Sequence[tuple["asyncio.Future[list[int]]", _Outcome]]) -> None:
    for waiter, outcome in told:
        if waiter.done():
            continue
        if isinstance(outcome, Exception):
            waiter.set_exception(outcome)
        else:
            waiter.set_result(outcome)


def _offer(jobs: list[_Job]) -> None:
    """Have the streams that ended examined."""
    ended = [event.stream for job in jobs for event in job.events if event.kind in ENDS]
    if ended:
        from audit.examiner import examiner

        examiner().offer(ended)


def _as_audit_error(error: Exception) -> AuditError:
    if isinstance(error, DatabaseError):
        return RecordUnavailable(f"the record cannot be written now: {error}")
    return AuditError(f"the record could not be written: {error}")


_journal = Journal()
atexit.register(_journal.close)


def journal() -> Journal:
    """Return the journal of this process."""
    return _journal
