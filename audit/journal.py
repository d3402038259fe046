"""The journal: the one way onto the record. Group commit by one writer thread a process."""

import asyncio
import atexit
import logging
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from django.db import DatabaseError, IntegrityError, connections, transaction

from audit.errors import AuditError, Conflict, RecordUnavailable
from audit.records.chain import GENESIS, link
from audit.records.event import Event, canonical_content, canonical_entry, content_hash

log = logging.getLogger(__name__)

# Events that may wait at once; behind that, `append` waits. A commit takes at most BATCH of them.
QUEUE_LIMIT = 10_000
BATCH = 1_000
# One writer at a time on PostgreSQL, whatever process it is in: the key of an advisory lock ("AURA" in ASCII).
ADVISORY_LOCK = 0x41555241

_ENTRY_SQL = (
    'INSERT INTO audit_entry (seq, conversation_id, stream, epoch, "offset", kind, actor, at, content_hash, previous, hash)'
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
)
_CONTENT_SQL = "INSERT INTO audit_content (entry_id, body) VALUES (%s, %s)"


class _Job:
    """Events that one caller appends together."""

    __slots__ = ("contents", "done", "events")

    def __init__(self, events: Sequence[Event]) -> None:
        self.events = events
        self.contents = [canonical_content(event.text, event.meta) for event in events]
        self.done: Future[list[int]] = Future()


class Journal:
    """Appends events to the record of one database.

    While a commit runs, what arrives waits and goes into the next one together; with nothing running a commit begins at
    once. There is no timer. Several processes may have a journal on the same database: the head of the chain is read
    inside the transaction, under the database's own lock.
    """

    def __init__(self, alias: str = "default") -> None:
        self._alias = alias
        self._jobs: deque[_Job] = deque()
        self._waiting = 0
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closing = False

    async def append(self, events: Sequence[Event]) -> list[int]:
        """Return the sequence numbers of the events, once they are durable.

        Raises Conflict for an event whose place in its stream is taken, RecordUnavailable when the database does not take
        it, ValueError for what JSON cannot hold. A cancelled caller does not undo what has begun.
        """
        while self._waiting >= QUEUE_LIMIT:  # noqa: ASYNC110 - the writer is a thread, and this is the rare case
            await asyncio.sleep(0.005)
        return await asyncio.wrap_future(self.submit(events))

    def submit(self, events: Sequence[Event]) -> "Future[list[int]]":
        """Queue events without waiting, for callers outside an event loop; see `append`."""
        job = _Job(events)
        with self._wake:
            if self._closing:
                raise RecordUnavailable("the record is being closed")
            self._jobs.append(job)
            self._waiting += len(events)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
                self._thread.start()
            self._wake.notify()
        return job.done

    def close(self) -> None:
        """Commit what waits, then end the thread and its connection. The journal may be used again afterwards."""
        with self._wake:
            self._closing = True
            self._wake.notify()
            thread = self._thread
        if thread is not None:
            thread.join()
        with self._wake:
            self._closing = False
            self._thread = None

    def _run(self) -> None:
        try:
            while not self._over():
                jobs = self._take()
                if jobs:
                    self._commit(jobs)
        finally:
            connections[self._alias].close()

    def _over(self) -> bool:
        with self._wake:
            return self._closing and not self._jobs

    def _take(self) -> list[_Job]:
        """Return the jobs of the next commit, waiting for one; maybe none."""
        with self._wake:
            while not self._jobs and not self._closing:
                self._wake.wait()
            jobs: list[_Job] = []
            size = 0
            while self._jobs and (not jobs or size + len(self._jobs[0].events) <= BATCH):
                job = self._jobs.popleft()
                self._waiting -= len(job.events)
                # From here on a cancelled caller changes nothing; one that left before is not written.
                if job.done.set_running_or_notify_cancel():
                    size += len(job.events)
                    jobs.append(job)
            return jobs

    def _commit(self, jobs: list[_Job]) -> None:
        try:
            numbers = self._write(jobs)
        except IntegrityError as error:
            if len(jobs) == 1:
                jobs[0].done.set_exception(Conflict(f"it stands on the record already: {error}"))
                return
            # One of them is at fault: each by itself, so that it fails alone.
            for job in jobs:
                self._commit([job])
        except Exception as error:
            log.exception("the record could not be written")
            connections[self._alias].close()
            for job in jobs:
                job.done.set_exception(_as_audit_error(error))
        else:
            for job, given in zip(jobs, numbers, strict=True):
                job.done.set_result(given)

    def _write(self, jobs: list[_Job]) -> list[list[int]]:
        connection = connections[self._alias]
        connection.close_if_unusable_or_obsolete()
        with transaction.atomic(using=self._alias), connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ADVISORY_LOCK])
            sequence, previous = _head(cursor)
            entries: list[tuple[Any, ...]] = []
            contents: list[tuple[int, str]] = []
            numbers: list[list[int]] = []
            for job in jobs:
                numbers.append(list(range(sequence + 1, sequence + 1 + len(job.events))))
                for event, content in zip(job.events, job.contents, strict=True):
                    sequence += 1
                    hashed = content_hash(content)
                    own = link(previous, canonical_entry(sequence, event, hashed))
                    entries.append(_row(connection, sequence, event, hashed, previous, own))
                    contents.append((sequence, content.decode()))
                    previous = own
            cursor.executemany(_ENTRY_SQL, entries)
            cursor.executemany(_CONTENT_SQL, contents)
        return numbers


def _head(cursor: Any) -> tuple[int, bytes]:
    cursor.execute("SELECT seq, hash FROM audit_entry ORDER BY seq DESC LIMIT 1")
    row = cursor.fetchone()
    return (row[0], bytes(row[1])) if row else (0, GENESIS)


def _row(connection: Any, sequence: int, event: Event, hashed: bytes, previous: bytes, own: bytes) -> tuple[Any, ...]:
    native = connection.features.has_native_uuid_field
    return (
        sequence,
        event.conversation if native else event.conversation.hex,
        event.stream if native else event.stream.hex,
        event.epoch,
        event.offset,
        event.kind.value,
        event.actor,
        event.at,
        hashed,
        previous,
        own,
    )


def _as_audit_error(error: Exception) -> AuditError:
    if isinstance(error, DatabaseError):
        return RecordUnavailable(f"the record cannot be written now: {error}")
    return AuditError(f"the record could not be written: {error}")


_journal = Journal()
atexit.register(_journal.close)


def journal() -> Journal:
    """Return the journal of this process."""
    return _journal
