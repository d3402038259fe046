"""The outbox: messages written in the transaction of what they tell of, and sent when it was committed."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Max, Min

from streaming.bridges.base import BATCH, NAME_LIMIT, WAIT, Delivery, Message
from streaming.bridges.errors import OutboxFull
from streaming.bridges.models import DeadLetter, Outgoing
from streaming.database import visit

# Seconds between two looks at an empty outbox.
LOOK = 0.25


def put(outbox: str, *messages: Message) -> None:
    """Write messages into an outbox, in the caller's transaction: rolled back with it, sent soon after its commit.

    Every message names its stream, epoch and offset. Inside the record's own transaction, with `journal().submit(events,
    work)`, this is for `work` to call. Raises OutboxFull when AURA_OUTBOX_LIMIT messages wait already, ValueError for a
    message without a stream.
    """
    if any(not 0 < len(message.stream.encode()) <= NAME_LIMIT for message in messages):
        raise ValueError(f"a message of the outbox names its stream, in at most {NAME_LIMIT} bytes")
    rows = Outgoing.objects.filter(outbox=outbox)
    ends = rows.aggregate(first=Min("id"), last=Max("id"))
    limit = settings.AURA_OUTBOX_LIMIT
    # The distance of two ids is cheap and never too small; counting comes behind it.
    if ends["first"] is not None and ends["last"] - ends["first"] + 1 >= limit and rows.count() >= limit:
        raise OutboxFull(f"{limit} messages wait in the outbox {outbox} already: try again when the broker is back")
    Outgoing.objects.bulk_create(
        [
            Outgoing(
                outbox=outbox,
                stream=message.stream,
                epoch=message.epoch,
                offset=message.offset,
                headers=dict(message.headers),
                body=message.body,
            )
            for message in messages
        ]
    )


class OutboxSource:
    """The messages of an outbox, oldest first; settled ones are deleted.

    Not by a position: a transaction that began earlier may commit later, and its lower numbers then appear behind higher
    ones. What is in hand is left out instead.
    """

    ordered = False

    def __init__(self, name: str) -> None:
        self._name = name
        self._in_hand: set[int] = set()

    async def receive(self, limit: int = BATCH) -> Sequence[Delivery]:
        """See `Source`."""
        end = asyncio.get_running_loop().time() + WAIT
        while True:
            found = await visit(self._read, limit)
            if found or asyncio.get_running_loop().time() >= end:
                self._in_hand.update(delivery.rank for delivery in found)
                return found
            await asyncio.sleep(LOOK)

    def _read(self, limit: int) -> list[Delivery]:
        rows = Outgoing.objects.filter(outbox=self._name).exclude(pk__in=self._in_hand).order_by("id")[:limit]
        return [
            Delivery(
                Message(bytes(row.body), row.stream, row.epoch, row.offset, row.headers),
                "",
                str(row.pk),
                row.pk,
                row.created.timestamp(),
            )
            for row in rows
        ]

    async def settle(self, deliveries: Sequence[Delivery]) -> None:
        """See `Source`."""
        numbers = [delivery.rank for delivery in deliveries]
        await visit(lambda: Outgoing.objects.filter(pk__in=numbers).delete())
        self._in_hand.difference_update(numbers)

    async def aclose(self) -> None:
        """See `Source`."""


def forget(streams: Iterable[UUID] = (), **_more: Any) -> None:
    """Delete what waits of streams that were erased from the record."""
    names = [str(stream) for stream in streams]
    for first in range(0, len(names), BATCH):
        part = names[first : first + BATCH]
        Outgoing.objects.filter(stream__in=part).delete()
        DeadLetter.objects.filter(stream__in=part).delete()
