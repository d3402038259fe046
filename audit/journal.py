"""The journal: the one way onto the record, by group commit (aura_db.committer)."""

import asyncio
import atexit
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from django.db import DatabaseError, IntegrityError

from audit.checkpoints import Heads
from audit.errors import AuditError, Conflict, NotAllowed, RecordUnavailable
from audit.records.event import ENDS, Event, content_bytes
from audit.vault import Vault, vault
from aura_db.committer import Committer, Firm, Job, Participant, Waiter, committer

if TYPE_CHECKING:
    from audit.openings import Opening

# Events that may wait at once; behind that, `append` waits.
QUEUE_LIMIT = 10_000

# Runs inside the journal's transaction, given the number of the newest entry; returns events to put on the ledger too.
Work = Callable[[int], list[Event]]


class _Job(Job):
    """Events that one caller appends together. With `work` they have a transaction of their own."""

    __slots__ = ("contents", "events", "opening", "work")

    def __init__(
        self,
        journal: "Journal",
        done: Waiter,
        events: Sequence[Event],
        opening: "Opening | None",
        work: Work | None = None,
        *,
        patient: bool = False,
        then: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(journal, done, size=len(events), patient=patient, alone=work is not None, then=then)
        self.events = events
        self.contents = [content_bytes(event.text, event.meta) for event in events]
        self.opening = opening
        self.work = work


class Journal(Participant[_Job]):
    """Appends events to the record of one database.

    Several processes may have a journal on the same database: the head of the chain is read inside the transaction, under
    the database's own lock. It comes last in a transaction, so that this lock is held no longer than for its own work.
    """

    place = 1

    def __init__(self, commits: Committer | None = None, keys: Vault | None = None) -> None:
        self._commits = commits or Committer()
        self._vault = keys or vault()
        self._heads = Heads(self._commits.alias)
        self._commits.join(self)

    @property
    def waiting(self) -> int:
        """Return how many events wait to be written, and what else goes into the same transactions."""
        return self._commits.waiting

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
        while self.waiting >= QUEUE_LIMIT:  # noqa: ASYNC110 - the writer is a thread, and this is the rare case
            await asyncio.sleep(0.005)

    def put(self, events: Sequence[Event], opening: "Opening | None" = None) -> asyncio.Future[list[int]]:
        """Queue events, return what `append` waits for; see `room`. Cancelled before they are begun they are not written."""
        done: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
        self._commits.put(_Job(self, done, events, opening))
        return done

    async def keep(self, events: Sequence[Event], then: Callable[[], None], *, patient: bool = False) -> None:
        """Do as `append`, and call `then` in the moment in which the events are durable.

        A caller that is cancelled is so when that has been done: what has begun ends. `patient` events may wait a moment
        longer where that spares commits.
        """
        await self.room()
        done = Firm()
        self._commits.put(_Job(self, done, events, None, patient=patient, then=then))
        try:
            await done
        except asyncio.CancelledError:
            done.exception()  # nobody else looks at it
            raise

    def submit(
        self,
        events: Sequence[Event],
        work: Work | None = None,
        *,
        opening: "Opening | None" = None,
        patient: bool = False,
    ) -> "Future[list[int]]":
        """Queue events without waiting, for callers outside an event loop; see `append`, and `keep` for `patient`.

        `work` runs in the transaction that writes the events, which is then of this job alone; see audit.tracking.
        """
        done: Future[list[int]] = Future()
        self._commits.put(_Job(self, done, events, opening, work, patient=patient))
        return done

    def close(self) -> None:
        """Commit what waits, then end the thread and its connection. The journal may be used again afterwards."""
        from audit.examiner import examiner

        if self is _journal:
            examiner().close()
        self._commits.close()
        # Another database may be there by the time it is used again.
        self._heads = Heads(self._commits.alias)
        self._vault.forget()

    # -- its part of a transaction -----------------------------------------------------------------------------

    def write(self, connection: Any, cursor: Any, jobs: Sequence[_Job]) -> "list[_Outcome]":
        """See `Participant`; the outcomes are the numbers of each job's events, or why it was refused."""
        from audit import ledger

        before = ledger.begin(connection, cursor, self._vault)
        batch = _Batch()
        opened = self._open(connection, cursor, jobs)
        for job in jobs:
            further = job.work(before.sequence) if job.work is not None else []
            batch.add(job, opened.get(job), further)
        first = 0
        if batch.events:
            first = ledger.write(
                connection, cursor, self._vault, batch.events, batch.contents, before=before, commit=True
            )
        return batch.outcomes(first)

    def _open(self, connection: Any, cursor: Any, jobs: Sequence[_Job]) -> "dict[_Job, Event | NotAllowed | None]":
        """Open the conversations of those jobs that say so."""
        from audit import openings

        asking = [job for job in jobs if job.opening is not None]
        if not asking:
            return {}
        wanted = [job.opening for job in asking if job.opening is not None]
        return dict(zip(asking, openings.write(connection, cursor, self._vault, wanted), strict=True))

    def undo(self) -> None:
        """Forget subjects that were made and not kept."""
        self._vault.forget()

    def refusal(self, job: _Job, error: Exception) -> Exception:
        """See `Participant`."""
        if isinstance(error, IntegrityError):
            return Conflict(f"it stands on the record already: {error}")
        if job.work is not None:
            return error  # what a caller's own work raises is the caller's
        if isinstance(error, DatabaseError):
            return RecordUnavailable(f"the record cannot be written now: {error}")
        return AuditError(f"the record could not be written: {error}")

    def committed(self, jobs: Sequence[_Job], outcomes: Sequence[Any]) -> None:
        """Have a head made in time, and the streams that ended examined."""
        self._heads.written()
        ended = [event.stream for job in jobs for event in job.events if event.kind in ENDS]
        if ended:
            from audit.examiner import examiner

            examiner().offer(ended)

    def due(self) -> float | None:
        """See `Participant`: when a head is due."""
        return self._heads.due()

    def tend(self) -> None:
        """Publish a head."""
        self._heads.publish()


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


_journal = Journal(committer())
atexit.register(_journal.close)


def journal() -> Journal:
    """Return the journal of this process."""
    return _journal
