"""What a reader has dealt with: duplicates are told by it, and it is written in the transaction of what was done."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from streaming.bridges.base import Delivery
from streaming.bridges.errors import Unavailable
from streaming.bridges.models import DeadLetter, Position, Progress
from streaming.bridges.seen import Seen

# Streams whose progress is kept in memory.
STREAMS_LIMIT = 4_096
# Days that the progress of a stream is kept after its last message, and that a dead letter is.
KEPT_DAYS = 30
REASON_LIMIT = 300
# The name, which no partition has, of the row that counts a reader's transactions.
FENCE = "#"

Key = tuple[str, int]


@dataclass(slots=True)
class Batch:
    """Deliveries, those of them that are new, and what the books say when they have been dealt with."""

    deliveries: Sequence[Delivery]
    fresh: list[Delivery] = field(default_factory=list)
    seen: dict[Key, Seen] = field(default_factory=dict)
    ranks: dict[str, int] = field(default_factory=dict)

    @property
    def doubles(self) -> int:
        return len(self.deliveries) - len(self.fresh)


class Books:
    """The books of one reader. All methods that visit the database are for threads that may."""

    def __init__(self, reader: str, *, ordered: bool = True) -> None:
        self.reader = reader
        self.ordered = ordered
        self._version = 0
        self._ranks: dict[str, int] = {}
        self._seen: OrderedDict[Key, Seen] = OrderedDict()

    def positions(self) -> dict[str, str]:
        """Return where to go on, by partition, from the database; forget what is in memory."""
        self._ranks.clear()
        self._seen.clear()
        Position.objects.get_or_create(reader=self.reader, partition=FENCE, defaults={"position": "0"})
        found = dict(Position.objects.filter(reader=self.reader).values_list("partition", "position"))
        self._version = int(found.pop(FENCE))
        return found

    def begin(self, positions: Mapping[str, str]) -> None:
        """Write where to begin, before anything was read: a reader that breaks off at once must not begin later."""
        Position.objects.bulk_create(
            [Position(reader=self.reader, partition=name, position=place) for name, place in positions.items()],
            ignore_conflicts=True,
        )

    def sift(self, deliveries: Sequence[Delivery]) -> Batch:
        """Return what of it is new, by (stream, epoch, offset); where these are missing, by the place in the broker."""
        self._look_up(deliveries)
        batch = Batch(deliveries)
        for delivery in deliveries:
            key, number = self._identity(delivery)
            if key is None:
                known = number <= batch.ranks.get(delivery.partition, self._ranks.get(delivery.partition, -1))
            else:
                if key not in batch.seen:
                    kept = self._seen.get(key)
                    batch.seen[key] = kept.copy() if kept is not None else Seen()
                known = not batch.seen[key].add(number)
            batch.ranks[delivery.partition] = max(
                number if key is None else -1, batch.ranks.get(delivery.partition, -1)
            )
            if not known:
                batch.fresh.append(delivery)
        return batch

    def _identity(self, delivery: Delivery) -> tuple[Key | None, int]:
        message = delivery.message
        if message.stream:
            return (message.stream, message.epoch), message.offset
        return (None if self.ordered else (f"#{delivery.partition}", 0)), delivery.rank

    def _look_up(self, deliveries: Sequence[Delivery]) -> None:
        keys = {key for key, _ in map(self._identity, deliveries) if key is not None and key not in self._seen}
        if keys:
            # Streams apart from epochs: a few rows too many at worst, and one plain query.
            streams = {stream for stream, _ in keys}
            found = Progress.objects.filter(reader=self.reader, stream__in=streams)
            for stream, epoch, runs in found.values_list("stream", "epoch", "runs"):
                if (stream, epoch) in keys:
                    self._seen[stream, epoch] = Seen(runs)

    def keep(self, batch: Batch, dead: Sequence[tuple[Delivery, str]] = ()) -> None:
        """Write that the batch has been dealt with, and its dead letters. Inside the transaction of what was done.

        Raises Unavailable, and so undoes all of it, when somebody else has written these books since they were read: a
        reader of the same name, or this one before it was broken off, whose transaction went on in its thread.
        """
        now = timezone.now()
        fence = Position.objects.filter(reader=self.reader, partition=FENCE, position=str(self._version))
        if not fence.update(position=str(self._version + 1), updated=now):
            raise Unavailable(f"somebody else reads as {self.reader}, so the books are read anew")
        places = {delivery.partition: delivery.position for delivery in batch.deliveries}
        Position.objects.bulk_create(
            [
                Position(reader=self.reader, partition=name, position=place, updated=now)
                for name, place in places.items()
            ],
            update_conflicts=True,
            update_fields=["position", "updated"],
            unique_fields=["reader", "partition"],
        )
        rows = [
            Progress(reader=self.reader, stream=stream, epoch=epoch, runs=seen.runs, updated=now)
            for (stream, epoch), seen in batch.seen.items()
        ]
        if rows:
            Progress.objects.bulk_create(
                rows,
                update_conflicts=True,
                update_fields=["runs", "updated"],
                unique_fields=["reader", "stream", "epoch"],
            )
        if dead:
            DeadLetter.objects.bulk_create([self._letter(delivery, reason) for delivery, reason in dead])

    def _letter(self, delivery: Delivery, reason: str) -> DeadLetter:
        message = delivery.message
        return DeadLetter(
            reader=self.reader,
            stream=message.stream,
            epoch=message.epoch,
            offset=message.offset,
            headers={storable(name): storable(value) for name, value in message.headers.items()},
            body=message.body,
            reason=storable(reason, REASON_LIMIT),
        )

    def kept(self, batch: Batch) -> None:
        """Remember what `keep` wrote, after its transaction was committed."""
        self._version += 1
        self._ranks.update({name: max(rank, self._ranks.get(name, -1)) for name, rank in batch.ranks.items()})
        for key, seen in batch.seen.items():
            self._seen[key] = seen
            self._seen.move_to_end(key)
        while len(self._seen) > STREAMS_LIMIT:
            self._seen.popitem(last=False)


def storable(text: str, limit: int | None = None) -> str:
    """Return a text that every database keeps, cut to a length: PostgreSQL takes no NUL."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")[:limit]


def expire() -> None:
    """Forget the progress of streams that have been silent for KEPT_DAYS, and dead letters as old."""
    before = timezone.now() - timedelta(days=KEPT_DAYS)
    Progress.objects.filter(updated__lt=before).delete()
    DeadLetter.objects.filter(Q(created__lt=before) & Q(again=False)).delete()
