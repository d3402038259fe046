"""Reservations whose server was killed between reserve and settle, or could not write the settlement."""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from routing_ai import catalogue
from routing_ai.accounts import Book, Closing, Cost
from routing_ai.ledger import ledger
from routing_ai.policy import prices

log = logging.getLogger(__name__)

# A process stamps its reservations about each minute; one that missed three stamps is gone.
LEASE = timedelta(seconds=180)
# Days for which sums are kept.
KEPT_DAYS = 40

# Says, for streams, how many bytes of answer the record has; a stream that it leaves out has no prompt on the record.
Evidence = Callable[[Sequence[UUID]], Mapping[UUID, int]]


def heal(evidence: Evidence, lease: timedelta = LEASE) -> int:
    """Close the reservations without a sign of life for `lease`, and return how many there were.

    A prompt is on the record before a model is asked: without one the reservation is released. Else it is settled with what
    can be known: the whole reservation less what the answer did not use. Asks the database: call it in a thread.
    """

    def work(book: Book) -> int:
        book.forget_days(book.now.date() - timedelta(days=KEPT_DAYS))
        lost = book.lost(book.now - lease)
        streams = [_uuid(row.stream) for row in lost if row.stream is not None]
        known = evidence(streams) if streams else {}
        closings = []
        for row in lost:
            size = known.get(_uuid(row.stream)) if row.stream is not None else None
            if size is None:
                closings.append(Closing(row.number, "released", Cost(0)))
            else:
                cost = _cost(row.model, row.nano, row.answer_tokens, size)
                closings.append(Closing(row.number, "settled", cost))
            log.warning("reservation %d was left by a server that is gone or could not write: it is closed", row.number)
        book.close(closings)
        return len(lost)

    return int(ledger().do(work))


def _cost(model: str, reserved: int, answer_tokens: int, size: int) -> Cost:
    """Return the cost of an answer of `size` bytes, of a call that reserved `answer_tokens` for it: no more than was
    reserved, and all of that when the model's price is not known any more."""
    specs = catalogue.named(model)
    if not specs:
        return Cost(reserved, 0, 0, min(size, answer_tokens))
    unused = prices.cost_nano(specs[0], 0, max(0, answer_tokens - size))
    return Cost(max(0, reserved - unused), 0, 0, min(size, answer_tokens))


def _uuid(value: Any) -> UUID:
    return value if isinstance(value, UUID) else UUID(hex=value)
