"""Branches: a question that was put in other words, or asked again, stands beside the one before, and so does what follows.

The record only ever grows: every version stays in the transcript, and names what it stands behind (`Turn.after`).
"""

from collections.abc import Sequence
from uuid import UUID

from audit.records.transcript import Turn


def newest(turns: Sequence[Turn]) -> UUID | None:
    """Return the stream of the newest question, None when there is none."""
    return next((turn.stream for turn in reversed(turns) if turn.role == "user"), None)


def path(turns: Sequence[Turn], to: UUID | None) -> list[Turn]:
    """Return the turns that lead from the beginning to the question of that stream, with it and its answer.

    There are none for None, and for a stream that is not among the turns.
    """
    after = {turn.stream: turn.after for turn in turns if turn.role == "user"}
    on_it: set[UUID] = set()
    while to is not None and to in after and to not in on_it:
        on_it.add(to)
        to = after[to]
    return [turn for turn in turns if turn.stream in on_it]


def versions(turns: Sequence[Turn]) -> dict[UUID, tuple[int, int]]:
    """Return, for the stream of each question that has others in its place, its number from 1 and how many there are."""
    places: dict[UUID | None, list[UUID]] = {}
    for turn in turns:
        if turn.role == "user":
            places.setdefault(turn.after, []).append(turn.stream)
    return {
        stream: (number, len(streams))
        for streams in places.values()
        if len(streams) > 1
        for number, stream in enumerate(streams, 1)
    }
