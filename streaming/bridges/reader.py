"""Readers: the one loop that takes messages out of a source, whatever is then done with them."""

import asyncio
import logging
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress

from django.db import DatabaseError, InterfaceError, OperationalError, transaction

from streaming.bridges.backoff import Backoff
from streaming.bridges.base import Delivery, Message, Source
from streaming.bridges.books import REASON_LIMIT, Batch, Books, storable
from streaming.bridges.errors import Unavailable
from streaming.bridges.models import DeadLetter
from streaming.bridges.pace import Pace
from streaming.database import visit

log = logging.getLogger(__name__)

# What is not the message's fault: the same again later is right. Other errors of the database (IntegrityError, DataError)
# are those of an effect that will never be taken.
TROUBLE = (Unavailable, OperationalError, InterfaceError)
# Dead letters tried again at a time.
AGAIN = 50
# Seconds between two looks for dead letters that somebody wants to be tried again.
LOOK = 1.0


class Reader(ABC):
    """Takes batches, each once, and goes on behind the last one after any failure.

    One way out of every trouble: let go of the connections, wait, read the checkpoint, and begin again behind it. So
    nothing depends on what a client library does by itself when a broker goes away. While a batch is dealt with, the next
    one is being fetched, and no further one.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.books = Books(name)
        self._backoff = Backoff()
        self._pace = Pace()

    @abstractmethod
    async def open(self, positions: dict[str, str]) -> Source:
        """Return the source, behind the positions. Raises Unavailable, BadAddress."""

    @abstractmethod
    async def deal(self, deliveries: Sequence[Delivery]) -> Batch:
        """Sift the deliveries, do what is to be done with the fresh ones, and write the books in the same transaction."""

    async def trouble(self, error: Exception) -> None:
        """Hear of a failure, behind which it is tried again."""
        log.warning("%s waits: %s", self.name, error)

    async def idle(self) -> None:
        """Hear that nothing has come."""
        return

    async def well(self) -> None:
        """Hear that it runs."""
        return

    async def run(self) -> None:
        """Read until cancelled. Raises BadAddress and LeaseLost."""
        while True:
            try:
                await self._read()
            except (Unavailable, DatabaseError) as error:
                pause = self._backoff.failed(random.random())
                with suppress(DatabaseError):
                    await self.trouble(error)
                await asyncio.sleep(pause)

    async def _read(self) -> None:
        source = await self.open(await visit(self.books.positions))
        self.books.ordered = source.ordered
        coming = asyncio.create_task(self._receive(source))
        looked = 0.0
        try:
            while True:
                deliveries = await coming
                coming = asyncio.create_task(self._receive(source))
                if deliveries:
                    await self._take(source, deliveries)
                else:
                    await self.idle()
                if time.monotonic() > looked + LOOK:
                    await self._try_again()
                    looked = time.monotonic()
                self._backoff.succeeded()
                await self.well()
        finally:
            coming.cancel()
            with suppress(asyncio.CancelledError, Unavailable):
                await coming
            await source.aclose()

    async def _receive(self, source: Source) -> Sequence[Delivery]:
        return await source.receive(self._pace.limit)

    async def _take(self, source: Source, deliveries: Sequence[Delivery]) -> None:
        begun = time.monotonic()
        self.books.kept(await self.deal(deliveries))
        self._pace.took(len(deliveries), time.monotonic() - begun)
        await source.settle(deliveries)

    async def _try_again(self) -> None:
        """Deal with the dead letters that somebody wants to be tried again."""
        letters = await visit(
            lambda: list(DeadLetter.objects.filter(reader=self.name, again=True).order_by("id")[:AGAIN])
        )
        for letter in letters:
            message = Message(bytes(letter.body), letter.stream, letter.epoch, letter.offset, letter.headers)
            # Without sifting: it stands in the books since it was put aside.
            await self.deal_again(message, letter)

    @abstractmethod
    async def deal_again(self, message: Message, letter: DeadLetter) -> None:
        """Do what is to be done with a dead letter, and delete it; or give it its new reason."""


class Consumer(Reader):
    """Calls `effect` with each message once, in a transaction that keeps the checkpoint too.

    `effect` is an ordinary function and writes to the database only: then both happen or neither does. When it raises, the
    batch is undone and done again message by message; the message that fails `attempts` times becomes a dead letter.

    `name` is what the reader's place is kept under; `open_source` makes the source, for example
    `lambda positions: bridge("bus").source("orders", positions)`.
    """

    def __init__(
        self,
        name: str,
        open_source: Callable[[dict[str, str]], object],
        effect: Callable[[Message], None],
        attempts: int = 3,
    ) -> None:
        super().__init__(name)
        self._open_source = open_source
        self._effect = effect
        self._attempts = attempts

    async def open(self, positions: dict[str, str]) -> Source:
        """See `Reader`."""
        source: Source = await self._open_source(positions)  # type: ignore[misc]
        return source

    async def deal(self, deliveries: Sequence[Delivery]) -> Batch:
        """See `Reader`."""
        return await visit(self._in_transaction, deliveries)

    def _in_transaction(self, deliveries: Sequence[Delivery]) -> Batch:
        batch = self.books.sift(deliveries)
        try:
            with transaction.atomic():
                for delivery in batch.fresh:
                    self._effect(delivery.message)
                self.books.keep(batch)
            return batch
        except TROUBLE:
            raise
        except Exception as error:
            log.warning("%s: a batch failed, its messages are dealt with one by one: %r", self.name, error)
        with transaction.atomic():
            dead = [(delivery, reason) for delivery in batch.fresh if (reason := self._alone(delivery.message))]
            self.books.keep(batch, dead)
        return batch

    def _alone(self, message: Message) -> str:
        """Do one message in a savepoint; return why it cannot be done."""
        reason = ""
        for _ in range(self._attempts):
            try:
                with transaction.atomic():
                    self._effect(message)
                return ""
            except TROUBLE:
                raise
            except Exception as error:
                reason = f"{type(error).__name__}: {error}"
        return reason

    async def deal_again(self, message: Message, letter: DeadLetter) -> None:
        """See `Reader`."""

        def work() -> None:
            with transaction.atomic():
                if not DeadLetter.objects.select_for_update().filter(pk=letter.pk, again=True).exists():
                    return
                put_back(letter, self._alone(message))

        await visit(work)


def put_back(letter: DeadLetter, reason: str) -> None:
    """Delete a dead letter that was dealt with, or keep it with the reason why it was not."""
    if reason:
        DeadLetter.objects.filter(pk=letter.pk).update(again=False, reason=storable(reason, REASON_LIMIT))
    else:
        DeadLetter.objects.filter(pk=letter.pk).delete()
