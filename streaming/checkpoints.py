"""Checkpoints: how far named readers have come, kept for those that do not keep it themselves."""

from uuid import UUID

from streaming.models import Checkpoint

# Positions that wait to be written; a newer one replaces an older one of the same reader.
_waiting: dict[tuple[int, UUID, str], tuple[int, int]] = {}


def note(user_id: int, stream: UUID, label: str, epoch: int, offset: int) -> None:
    """Remember a position; `save` writes it."""
    _waiting[user_id, stream, label] = (epoch, offset)


def load(user_id: int, stream: UUID, label: str) -> tuple[int, int] | None:
    """Return epoch and offset, None when there is no such reader yet."""
    waiting = _waiting.get((user_id, stream, label))
    if waiting is not None:
        return waiting
    found = Checkpoint.objects.filter(user_id=user_id, stream=stream, label=label).first()
    return (found.epoch, found.offset) if found is not None else None


def save() -> int:
    """Write the positions that wait, in one statement, and return how many there were."""
    taken = dict(_waiting)
    rows = [
        Checkpoint(user_id=user_id, stream=stream, label=label, epoch=epoch, offset=offset)
        for (user_id, stream, label), (epoch, offset) in taken.items()
    ]
    if rows:
        Checkpoint.objects.bulk_create(
            rows,
            update_conflicts=True,
            update_fields=["epoch", "offset", "updated"],
            unique_fields=["user", "stream", "label"],
        )
    for key, position in taken.items():
        if _waiting.get(key) == position:
            del _waiting[key]
    return len(rows)
