"""The ledger: reserve before a call, settle after it, release when it failed. Budgets are never passed.

All that happens at once goes into one transaction (group commit, aura_db.committer); processes take turns by the database's
own lock. So each reservation sees every earlier one, and costs no commit of its own.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from aura_db.committer import Committer, Job, Participant, Waiter, committer
from routing_ai import catalogue
from routing_ai.accounts import Book, Closing, Cost, Order
from routing_ai.errors import BudgetExhausted
from routing_ai.policy import prices
from routing_ai.policy.tiers import TierSpec

__all__ = ["Cost", "Ledger", "Order", "Reservation", "ledger"]

# One writer at a time on PostgreSQL, whatever process it is in ("BUDG" in ASCII). SQLite has one writer anyway.
ADVISORY_LOCK = 0x42554447


@dataclass(frozen=True, slots=True)
class Reservation:
    """Room for one call of `spec`. Number 0 stands for a free model, which needs none."""

    order: Order
    spec: TierSpec
    number: int


Work = Callable[[Book], Any]


class _Job(Job):
    """Work on the book, or the end of a reservation; `order` is whose budgets it will ask for."""

    __slots__ = ("order", "work")

    def __init__(
        self, ledger: "Ledger", done: Waiter, work: Work | Closing, order: Order | None, *, must: bool, patient: bool
    ) -> None:
        super().__init__(ledger, done, must=must, patient=patient)
        self.work = work
        self.order = order


class Ledger(Participant[_Job]):
    """Writes the spends of one database.

    Settlements and releases are patient and must be: nobody is kept from an answer by them, and they are true even if nobody
    waits for them any more.
    """

    def __init__(self, commits: Committer | None = None) -> None:
        self._commits = commits or Committer()
        self._open: set[int] = set()

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
        made: Reservation = await self._put(self._reserving(order, specs, worst, answer_tokens), order, must=False)
        return made

    def submit_reserve(
        self, order: Order, specs: Sequence[TierSpec], worst: Mapping[TierSpec, int], answer_tokens: int = 0
    ) -> "Future[Reservation]":
        """Queue a reservation without waiting, for callers outside an event loop; see `reserve`."""
        return self._submit(self._reserving(order, specs, worst, answer_tokens), order, must=False)

    def settle(self, reservation: Reservation, cost: Cost) -> "asyncio.Future[None]":
        """Replace a reservation by what the call cost. What is returned is done when that is durable, which it becomes even
        if nobody waits. One that is settled or released already stays as it is."""
        return self._put(_settling(reservation, cost), reservation.order, patient=True)

    def submit_settle(self, reservation: Reservation, cost: Cost) -> "Future[None]":
        """Queue a settlement without waiting, for callers outside an event loop; see `settle`."""
        return self._submit(_settling(reservation, cost), reservation.order, patient=True)

    async def release(self, reservation: Reservation) -> None:
        """Give a reservation back: the call cost nothing."""
        if reservation.number:
            await self._put(_releasing(reservation), reservation.order, patient=True)

    def submit_release(self, reservation: Reservation) -> "Future[None]":
        """Queue a release without waiting, for callers outside an event loop; see `release`."""
        return self._submit(_releasing(reservation), reservation.order, patient=True)

    def renew(self) -> None:
        """Show that the reservations of this process are alive. Asks the database: call it in a thread."""
        numbers = list(self._open)
        if numbers:
            self._submit(lambda book: book.renew(numbers)).result()

    def do(self, work: Work) -> Any:
        """Return what `work` returns, done in a transaction of the ledger; for what mends it. Waits."""
        return self._submit(work).result()

    def close(self) -> None:
        """Do what waits, then end the thread and its connection. The ledger may be used again afterwards."""
        self._commits.close()
        self._open.clear()

    def _put(
        self, work: Work | Closing, order: Order, *, must: bool = True, patient: bool = False
    ) -> "asyncio.Future[Any]":
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._commits.put(_Job(self, done, work, order, must=must, patient=patient))
        return done

    def _submit(
        self, work: Work | Closing, order: Order | None = None, *, must: bool = True, patient: bool = False
    ) -> "Future[Any]":
        done: Future[Any] = Future()
        self._commits.put(_Job(self, done, work, order, must=must, patient=patient))
        return done

    # -- the work ----------------------------------------------------------------------------------------------

    def _reserving(
        self, order: Order, specs: Sequence[TierSpec], worst: Mapping[TierSpec, int], answer_tokens: int
    ) -> Work:
        asked = [(spec, worst[spec]) for spec in specs]
        return lambda book: self._reserve(book, order, asked, answer_tokens)

    def _reserve(
        self, book: Book, order: Order, asked: Sequence[tuple[TierSpec, int]], answer_tokens: int
    ) -> Reservation:
        refusal, waits = "", []
        for spec, worst in asked:
            if spec.free:
                return Reservation(order, spec, 0)
            against = book.refusing(order.user_id, order.key_id, worst)
            if against is None:
                return Reservation(order, spec, book.enter(order, spec, worst, answer_tokens))
            account, wait = against
            waits.append(wait)
            left = f"{prices.dollars(account.left):f}"
            refusal = refusal or f"The budget of {account.name} has ${left} left today, which is not enough for this."
        raise BudgetExhausted(refusal, retry_after=min(waits, default=None))

    # -- its part of a transaction -----------------------------------------------------------------------------

    def prepare(self) -> None:
        """Take notice of the admin's choice of models, from time to time."""
        catalogue.refresh()

    def write(self, connection: Any, cursor: Any, jobs: Sequence[_Job]) -> list[Any]:
        """See `Participant`; the outcomes are what each job's work returns, or why a budget refused it."""
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ADVISORY_LOCK])
        orders = [job.order for job in jobs if job.order is not None]
        users, keys = {order.user_id for order in orders}, {order.key_id for order in orders if order.key_id}
        book = Book(connection, cursor, users, keys)
        # First, and all together: what those give back that are in this transaction is there for whoever reserves.
        book.close(job.work for job in jobs if isinstance(job.work, Closing))
        results: list[Any] = []
        for job in jobs:
            try:
                results.append(None if isinstance(job.work, Closing) else job.work(book))
            except BudgetExhausted as refused:
                results.append(refused)
        book.save()
        return results

    def committed(self, jobs: Sequence[_Job], outcomes: Sequence[Any]) -> None:
        """Keep in mind which reservations are alive."""
        self._open.update(made.number for made in outcomes if isinstance(made, Reservation) and made.number)
        self._open.difference_update(job.work.number for job in jobs if isinstance(job.work, Closing))

    def refusal(self, job: _Job, error: Exception) -> Exception:
        """See `Participant`. A reservation that could not be closed is left to `healing`, as if its process were gone. A
        free call has none: what the ledger should have said of it is lost."""
        if isinstance(job.work, Closing):
            self._open.discard(job.work.number)
        return error

    def missed(self, job: _Job, outcome: Any) -> None:
        """Give back what was reserved for a caller that left meanwhile."""
        if isinstance(outcome, Reservation) and outcome.number:
            self.submit_release(outcome)


def _settling(reservation: Reservation, cost: Cost) -> Work | Closing:
    if reservation.number:
        return Closing(reservation.number, "settled", cost)
    return lambda book: book.enter_settled(reservation.order, reservation.spec, cost)


def _releasing(reservation: Reservation) -> Closing:
    return Closing(reservation.number, "released", Cost(0))


_ledger = Ledger(committer())


def ledger() -> Ledger:
    """Return the ledger of this process."""
    return _ledger
