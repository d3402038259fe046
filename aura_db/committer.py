"""Group commit: one thread a process writes, and what arrives while it commits goes into its next transaction together.

The record's journal and the ledger of budgets take part in the same transactions, so that a question and the reservation for
its answer cost one commit to disk and one visit to another thread, and no two threads of a process wait for each other's
locks. Neither knows of the other: each is a `Participant`.
"""

import asyncio
import atexit
import logging
import math
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Generic, TypeVar

from django.db import IntegrityError, InterfaceError, OperationalError, connections, transaction

log = logging.getLogger(__name__)

# A transaction takes jobs of this size together at most.
BATCH = 1_000
# Seconds for which jobs that are patient wait for others, if those before them did not come alone: a transaction for a
# single event costs some seven times what an event costs among many.
PATIENCE = 0.01
# Seconds without a transaction after which the connection is looked at before it is used.
RESTED = 1.0

# What a job's caller is told: a result, or an exception to be raised.
Outcome = Any
Waiter = asyncio.Future[Any] | Future[Any]


class Firm(asyncio.Future[Any]):
    """What cannot be undone: a task that is cancelled while it waits for it learns so when it is done, and not before."""

    def cancel(self, msg: Any | None = None) -> bool:
        """Refuse: the task keeps in mind that it is cancelled (asyncio.Task.cancel)."""
        return False


class Job:
    """Something that one participant writes, and who waits for it on an event loop or on a thread.

    A `patient` one may wait PATIENCE seconds longer where that spares transactions. One that is to be written `alone` shares
    its transaction with none. One that `must` be is written even if nobody waits for it any more; others may be cancelled
    until they are begun. `then` is called when it is durable, before anybody who waits goes on, where they wait.
    """

    __slots__ = ("alone", "done", "must", "participant", "patient", "size", "then")

    def __init__(
        self,
        participant: "Participant[Any]",
        done: Waiter,
        *,
        size: int = 1,
        patient: bool = False,
        alone: bool = False,
        must: bool = False,
        then: Callable[[], None] | None = None,
    ) -> None:
        self.participant = participant
        self.done = done
        self.size = size
        self.patient = patient
        self.alone = alone
        self.must = must
        self.then = then

    def begin(self) -> bool:
        """Return whether it is to be written. From here on a cancelled caller changes nothing."""
        waiting = (
            self.done.set_running_or_notify_cancel() if isinstance(self.done, Future) else not self.done.cancelled()
        )
        return waiting or self.must


Own = TypeVar("Own", bound=Job)


class Participant(ABC, Generic[Own]):
    """One that has jobs written. All of this is called on the committer's thread."""

    #: Its place in a transaction: whoever has a lower one writes first. The last may send the COMMIT itself.
    place = 0

    @abstractmethod
    def write(self, connection: Any, cursor: Any, jobs: Sequence[Own]) -> Sequence[Outcome]:
        """Write inside the transaction; return an outcome for each job. What is raised rolls all back, and each job of the
        transaction is then tried by itself."""

    def refusal(self, job: Own, error: Exception) -> Exception:
        """Return what the caller of a job is told that could not be written because of `error`: by itself just that."""
        return error

    def prepare(self) -> None:
        """Do what must be done before the transaction begins."""

    def undo(self) -> None:
        """Forget what was learned in a transaction that was rolled back."""

    def committed(self, jobs: Sequence[Own], outcomes: Sequence[Outcome]) -> None:
        """Take notice that what was written is durable. The callers know already."""

    def missed(self, job: Own, outcome: Outcome) -> None:
        """Take notice that a caller left before it was told the outcome. Called on any thread."""

    def due(self) -> float | None:
        """Return the seconds until `tend` wants to be called, None for never."""
        return None

    def tend(self) -> None:
        """Do what is due between transactions; called at the end, too."""


class Committer:
    """Writes the jobs of its participants to one database.

    With nothing running a transaction begins at once, unless all that waits is patient and lately did not come alone. Jobs
    that are not patient overtake those that are; when these have waited for PATIENCE seconds they go first, once.
    """

    def __init__(self, alias: str = "default") -> None:
        self.alias = alias
        self._participants: list[Participant[Any]] = []
        self._urgent: deque[Job] = deque()
        self._patient: deque[Job] = deque()
        self._waiting = 0
        # Until when those that are patient may wait; whether they came with others last time.
        self._until = 0.0
        self._company = False
        self._used = -math.inf
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closing = False

    @property
    def waiting(self) -> int:
        """Return the size of all jobs that wait to be written."""
        return self._waiting

    def join(self, participant: Participant[Any]) -> None:
        """Let a participant's `tend` be called when it is due."""
        self._participants.append(participant)

    def put(self, job: Job) -> None:
        """Queue a job. Returns at once; its `done` is told the outcome."""
        with self._wake:
            idle = not (self._urgent or self._patient)
            if job.patient and not self._patient:
                self._until = time.monotonic() + PATIENCE
            (self._patient if job.patient else self._urgent).append(job)
            self._waiting += job.size
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="committer", daemon=True)
                self._thread.start()
            if idle or not job.patient:
                self._wake.notify()

    def close(self) -> None:
        """Write what waits, then end the thread and its connection. The committer may be used again afterwards."""
        with self._wake:
            self._closing = True
            self._wake.notify()
            thread = self._thread
        if thread is not None:
            thread.join()
        with self._wake:
            self._closing = False

    # -- the thread --------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while True:
                jobs = self._take()
                if jobs:
                    try:
                        self._commit(jobs)
                    except Exception as error:
                        # Nobody may wait for ever because of a fault in here, or of a participant's.
                        log.exception("the committer failed")
                        _tell((job, job.participant.refusal(job, error)) for job in jobs if not job.done.done())
                over = self._closing and not jobs
                for participant in self._participants:
                    if over or participant.due() == 0:
                        participant.tend()
                with self._wake:
                    if over and not (self._urgent or self._patient):
                        self._thread = None
                        return
        finally:
            connections[self.alias].close()

    def _take(self) -> list[Job]:
        """Return the jobs of the next transaction, waiting for one; none when somebody is to be tended or it ends."""
        with self._wake:
            while (pause := self._pause()) != 0:
                self._wake.wait(pause)
            # Who waits for an urgent job does not wait while patient ones are written, too, unless their time has come. Then
            # they come first, and what is left of them waits anew: so neither keeps the other waiting for ever.
            overdue = bool(self._patient) and time.monotonic() >= self._until
            first, then = (self._patient, self._urgent) if overdue else (self._urgent, self._patient)
            jobs = self._draw(first, [])
            if overdue or not jobs:
                self._draw(then, jobs)
            if overdue:
                self._until = time.monotonic() + PATIENCE
            if any(job.patient for job in jobs):
                self._company = len(jobs) > 1
            return jobs

    def _draw(self, queue: deque[Job], jobs: list[Job]) -> list[Job]:
        """Move what may share a transaction with `jobs` there, from the queue; return them."""
        size = sum(job.size for job in jobs)
        while queue and (not jobs or size + queue[0].size <= BATCH):
            if jobs and (queue[0].alone or jobs[0].alone):
                break
            job = queue.popleft()
            self._waiting -= job.size
            if job.begin():
                size += job.size
                jobs.append(job)
        return jobs

    def _pause(self) -> float | None:
        """Return the seconds until there is something to do if nothing comes, None for ever."""
        if self._closing or self._urgent:
            return 0
        if not self._patient:
            return min((due for one in self._participants if (due := one.due()) is not None), default=None)
        if not self._company or self._waiting >= BATCH:
            return 0
        return max(0.0, self._until - time.monotonic())

    def _commit(self, jobs: list[Job]) -> None:
        parts = _parts(jobs)
        try:
            outcomes = self._write(parts)
        except Exception as error:
            for participant, _ in parts:
                participant.undo()
            if not isinstance(error, IntegrityError):
                connections[self.alias].close()
            # With a database that does not answer all would wait for it, one after the other.
            if len(jobs) > 1 and not isinstance(error, OperationalError | InterfaceError):
                for job in jobs:
                    self._commit([job])
                return
            # A place that is taken, and what the work of one caller raises, are told to that caller.
            if not isinstance(error, IntegrityError) and not jobs[0].alone:
                log.exception("the database could not be written")
            _tell([(job, job.participant.refusal(job, error)) for job in jobs])
            return
        _tell([told for (_, own), given in zip(parts, outcomes, strict=True) for told in zip(own, given, strict=True)])
        for (participant, own), given in zip(parts, outcomes, strict=True):
            try:
                participant.committed(own, given)
            except Exception:
                log.exception("what was written is durable, but not all that follows was done")

    def _write(self, parts: "Sequence[_Part]") -> list[Sequence[Outcome]]:
        """Write the jobs of each participant in one transaction; return their outcomes."""
        connection = connections[self.alias]
        if time.monotonic() - self._used > RESTED:
            connection.close_if_unusable_or_obsolete()
        for participant, _ in parts:
            participant.prepare()
        with transaction.atomic(using=self.alias), connection.cursor() as cursor:
            outcomes = [participant.write(connection, cursor, own) for participant, own in parts]
        self._used = time.monotonic()
        return outcomes


_Part = tuple[Participant[Any], list[Any]]


def _parts(jobs: Iterable[Job]) -> list[_Part]:
    """Return who writes in a transaction, in the order of their places, each with its jobs in the order they came."""
    parts: dict[Participant[Any], list[Job]] = {}
    for job in jobs:
        parts.setdefault(job.participant, []).append(job)
    return sorted(parts.items(), key=lambda part: part[0].place)


def _tell(told: Iterable[tuple[Job, Outcome]]) -> None:
    """Give the callers what became of their jobs; each event loop is woken once for all of its own."""
    loops: dict[asyncio.AbstractEventLoop, list[tuple[Job, Outcome]]] = {}
    for job, outcome in told:
        if isinstance(job.done, Future):
            _settle([(job, outcome)])
        else:
            loops.setdefault(job.done.get_loop(), []).append((job, outcome))
    for loop, own in loops.items():
        # A loop that was closed meanwhile has nobody left who waits.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_settle, own)


def _settle(told: Iterable[tuple[Job, Outcome]]) -> None:
    for job, outcome in told:
        if job.then is not None and not isinstance(outcome, Exception):
            try:
                job.then()
            except Exception:
                log.exception("what was written is durable, but not all that follows was done")
        if job.done.done():
            job.participant.missed(job, outcome)
        elif isinstance(outcome, Exception):
            job.done.set_exception(outcome)
        else:
            job.done.set_result(outcome)


_committer = Committer()
atexit.register(_committer.close)


def committer() -> Committer:
    """Return the committer of this process."""
    return _committer
