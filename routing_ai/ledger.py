"""The ledger: reserve before a call, settle after it, release when it failed. Budgets are never passed.

All that happens at once goes into one transaction by one thread of the process (group commit, as in the record's journal);
processes take turns by the database's own lock. So each reservation sees every earlier one, and costs no commit of its own.
"""

import asyncio
import atexit
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from django.db import connections, transaction

from routing_ai import catalogue
from routing_ai.accounts import Book, Cost, Order
from routing_ai.errors import BudgetExhausted
from routing_ai.policy import prices
from routing_ai.policy.tiers import TierSpec

__all__ = ["Cost", "Ledger", "Order", "Reservation", "ledger"]

log = logging.getLogger(__name__)

# One writer at a time on PostgreSQL, whatever process it is in ("BUDG" in ASCII). SQLite has one writer anyway.
ADVISORY_LOCK = 0x42554447
BATCH = 256
# Seconds for which settlements and releases wait for others, if there were several in the transaction before: nobody is kept
# from an answer by them, and a transaction of its own costs more than what it says.
PATIENCE = 0.01


@dataclass(frozen=True, slots=True)
class Reservation:
    """Room for one call of `spec`. Number 0 stands for a free model, which needs none."""

    order: Order
    spec: TierSpec
    number: int


Work = Callable[[Book], Any]


class _Job:
    """Work for a transaction. What `must` be done is done even if nobody waits for it any more; what is `patient` may wait
    for others."""

    __slots__ = ("done", "must", "order", "patient", "work")

    def __init__(self, work: Work, order: Order | None, must: bool, patient: bool) -> None:
        self.work = work
        self.order = order
        self.must = must
        self.patient = patient
        self.done: Future[Any] = Future()


class Ledger:
    """Writes the spends of one database."""

    def __init__(self, alias: str = "default") -> None:
        self._alias = alias
        self._jobs: deque[_Job] = deque()
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closing = False
        self._open: set[int] = set()
        # Until when jobs may wait that are all patient; whether several came together last time.
        self._until = 0.0
        self._company = False

    # -- what callers do ---------------------------------------------------------------------------------------

    async def reserve(
        self, order: Order, specs: Sequence[TierSpec], worst: Mapping[TierSpec, int], answer_tokens: int = 0
    ) -> Reservation:
        """Return a reservation for the first of `specs` that every budget admits at its worst cost; `answer_tokens` is how
        much of an answer that includes.

        A free model needs no room and nothing is written. Raises BudgetExhausted when none is admitted. A caller that is
        cancelled meanwhile leaves no reservation behind.
        """
        if specs and specs[0].free:
            return Reservation(order, specs[0], 0)
        future = self.submit_reserve(order, specs, worst, answer_tokens)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            future.add_done_callback(self._give_back)
            raise

    def submit_reserve(
        self, order: Order, specs: Sequence[TierSpec], worst: Mapping[TierSpec, int], answer_tokens: int = 0
    ) -> "Future[Reservation]":
        """Queue a reservation without waiting, for callers outside an event loop; see `reserve`."""
        asked = [(spec, worst[spec]) for spec in specs]
        return self._submit(lambda book: self._reserve(book, order, asked, answer_tokens), order, must=False)

    async def settle(self, reservation: Reservation, cost: Cost) -> None:
        """Replace a reservation by what the call cost. Returns when it is durable; what began ends, even if the caller is
        cancelled. One that is settled or released already stays as it is."""
        await asyncio.wrap_future(self.submit_settle(reservation, cost))

    def submit_settle(self, reservation: Reservation, cost: Cost) -> "Future[None]":
        """Queue a settlement without waiting; see `settle`."""
        return self._submit(lambda book: self._settle(book, reservation, cost), reservation.order, patient=True)

    async def release(self, reservation: Reservation) -> None:
        """Give a reservation back: the call cost nothing."""
        if reservation.number:
            await asyncio.wrap_future(self.submit_release(reservation))

    def submit_release(self, reservation: Reservation) -> "Future[None]":
        """Queue a release without waiting; see `release`."""
        return self._submit(lambda book: self._release(book, reservation), reservation.order, patient=True)

    def renew(self) -> None:
        """Show that the reservations of this process are alive. Asks the database: call it in a thread."""
        numbers = list(self._open)
        if numbers:
            self._submit(lambda book: book.renew(numbers)).result()

    def write(self, work: Work) -> Any:
        """Return what `work` returns, done in a transaction of the ledger; for what mends it. Waits."""
        return self._submit(work).result()

    # -- the work ----------------------------------------------------------------------------------------------

    def _reserve(
        self, book: Book, order: Order, asked: Sequence[tuple[TierSpec, int]], answer_tokens: int
    ) -> Reservation:
        refusal = ""
        for spec, worst in asked:
            if spec.free:
                return Reservation(order, spec, 0)
            against = book.refusing(order.user_id, order.key_id, worst)
            if against is None:
                number = book.enter(order, spec, worst, answer_tokens)
                self._open.add(number)
                return Reservation(order, spec, number)
            left = f"{prices.dollars(against.left):f}"
            refusal = refusal or f"The budget of {against.name} has ${left} left today, which is not enough for this."
        raise BudgetExhausted(refusal, retry_after=book.seconds_of_day_left(order.user_id, order.key_id))

    def _settle(self, book: Book, reservation: Reservation, cost: Cost) -> None:
        if not reservation.number:
            book.enter_settled(reservation.order, reservation.spec, cost)
            return
        book.close(reservation.number, "settled", cost)
        self._open.discard(reservation.number)

    def _release(self, book: Book, reservation: Reservation) -> None:
        book.close(reservation.number, "released", Cost(0))
        self._open.discard(reservation.number)

    def _give_back(self, future: "Future[Reservation]") -> None:
        if not future.cancelled() and future.exception() is None and future.result().number:
            self.submit_release(future.result())

    # -- the thread --------------------------------------------------------------------------------------------

    def _submit(
        self, work: Work, order: Order | None = None, *, must: bool = True, patient: bool = False
    ) -> "Future[Any]":
        job = _Job(work, order, must, patient)
        with self._wake:
            if not self._jobs:
                self._until = time.monotonic() + PATIENCE
            self._jobs.append(job)
            if self._thread is None:
                self._closing = False
                self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
                self._thread.start()
            if not patient or len(self._jobs) == 1:
                self._wake.notify()
        return job.done

    def close(self) -> None:
        """Do what waits, then end the thread and its connection. The ledger may be used again afterwards."""
        with self._wake:
            self._closing = True
            self._wake.notify()
            thread = self._thread
        if thread is not None:
            thread.join()
        self._open.clear()

    def _run(self) -> None:
        try:
            while jobs := self._take():
                self._commit(jobs)
        finally:
            connections[self._alias].close()

    def _take(self) -> list[_Job]:
        """Return the jobs of the next transaction, waiting for one; none at the end."""
        with self._wake:
            while not self._jobs or self._pause() > 0:
                if self._closing:
                    break
                self._wake.wait(self._pause() if self._jobs else None)
            jobs = [self._jobs.popleft() for _ in range(min(BATCH, len(self._jobs)))]
            self._company = len(jobs) > 1
            if not jobs:
                self._thread = None
            return jobs

    def _pause(self) -> float:
        """Return the seconds for which what waits may still do so."""
        if not self._company or not all(job.patient for job in self._jobs):
            return 0.0
        return max(0.0, self._until - time.monotonic())

    def _commit(self, jobs: list[_Job]) -> None:
        # From here on a cancelled caller changes nothing; a reservation of one that left before is not made.
        wanted = [(job, job.done.set_running_or_notify_cancel()) for job in jobs]
        jobs = [job for job, waiting in wanted if waiting or job.must]
        try:
            results = self._write(jobs)
        except Exception as error:
            connections[self._alias].close()
            if len(jobs) > 1:
                # One of them is at fault: each by itself, so that it fails alone.
                for job in jobs:
                    self._commit_alone(job)
                return
            log.exception("the ledger could not be written")
            jobs[0].done.set_exception(error)
            return
        _answer(jobs, results)

    def _commit_alone(self, job: _Job) -> None:
        try:
            results = self._write([job])
        except Exception as error:
            log.exception("the ledger could not be written")
            connections[self._alias].close()
            job.done.set_exception(error)
        else:
            _answer([job], results)

    def _write(self, jobs: list[_Job]) -> list[Any]:
        connection = connections[self._alias]
        connection.close_if_unusable_or_obsolete()
        catalogue.refresh()
        with transaction.atomic(using=self._alias), connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ADVISORY_LOCK])
            orders = [job.order for job in jobs if job.order is not None]
            book = Book(
                connection,
                cursor,
                {order.user_id for order in orders},
                {order.key_id for order in orders if order.key_id},
            )
            results: list[Any] = []
            for job in jobs:
                try:
                    results.append(job.work(book))
                except BudgetExhausted as refused:
                    results.append(refused)
            book.save()
        return results


def _answer(jobs: list[_Job], results: list[Any]) -> None:
    for job, result in zip(jobs, results, strict=True):
        if job.done.cancelled():
            continue
        if isinstance(result, BudgetExhausted):
            job.done.set_exception(result)
        else:
            job.done.set_result(result)


_ledger = Ledger()
atexit.register(_ledger.close)


def ledger() -> Ledger:
    """Return the ledger of this process."""
    return _ledger
