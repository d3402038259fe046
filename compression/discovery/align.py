"""Alignment of texts that were made from one template: what all have in common, in order, and the slots between."""

from collections.abc import Sequence

from compression.codec.template import MAX_PARTS
from compression.discovery.tokens import tokens

#: A fixed text this short between two slots costs more than it saves: the slots become one.
SHORT = 2


def common(one: Sequence[str], other: Sequence[str]) -> list[tuple[int, int]]:
    """Return a longest common subsequence as pairs of places, in order.

    Bit-parallel (Hyyrö, 2004): one long-integer step for each token of `other`.
    """
    begin = _same(one, other)
    end = min(_same(one[::-1], other[::-1]), min(len(one), len(other)) - begin)
    middle = _middle(one[begin : len(one) - end], other[begin : len(other) - end])
    return [
        *((place, place) for place in range(begin)),
        *((left + begin, right + begin) for left, right in middle),
        *((len(one) - place, len(other) - place) for place in range(end, 0, -1)),
    ]


def _same(one: Sequence[str], other: Sequence[str]) -> int:
    """Return how many tokens both begin with."""
    return next(
        (at for at, (left, right) in enumerate(zip(one, other, strict=False)) if left != right),
        min(len(one), len(other)),
    )


def _middle(one: Sequence[str], other: Sequence[str]) -> list[tuple[int, int]]:
    masks: dict[str, int] = {}
    for place, token in enumerate(one):
        masks[token] = masks.get(token, 0) | 1 << place
    full = (1 << len(one)) - 1
    row = full
    rows = []
    for token in other:
        used = row & masks.get(token, 0)
        row = ((row + used) | (row - used)) & full
        rows.append(row)
    pairs = []
    left, right = len(one), len(other)
    while left and right:
        bit = 1 << (left - 1)
        if rows[right - 1] & bit:
            left -= 1
        else:
            right -= 1
            if not right or rows[right - 1] & bit:
                left -= 1
                pairs.append((left, right))
    pairs.reverse()
    return pairs


class Alignment:
    """The tokens that all members have in common so far, and where slots are.

    It begins with one text, all of it fixed; `add` takes further ones.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.fixed = list(words)
        # `slots[n]`: whether a slot stands before the n-th fixed token; the last one: behind all.
        self.slots = [False] * (len(self.fixed) + 1)
        self.size = sum(map(len, self.fixed))

    @classmethod
    def of_parts(cls, parts: Sequence[str]) -> "Alignment":
        """Return the alignment whose parts these are."""
        alignment = cls(())
        for number, part in enumerate(parts):
            found = tokens(part)
            alignment.fixed += found
            slots = [number > 0, *[False] * len(found)]
            alignment.slots[-1] = alignment.slots[-1] or slots[0]
            alignment.slots += slots[1:]
            alignment.size += len(part)
        return alignment

    def add(self, words: Sequence[str], least: float) -> bool:
        """Align one more text; return False, and change nothing, when less than `least` characters stay fixed."""
        pairs = common(self.fixed, words)
        size = sum(len(self.fixed[place]) for place, _ in pairs)
        if size < least:
            return False
        slots = []
        before, behind = -1, -1
        for place, other in [*pairs, (len(self.fixed), len(words))]:
            gap = place != before + 1 or other != behind + 1
            slots.append(gap or any(self.slots[before + 1 : place + 1]))
            before, behind = place, other
        self.fixed = [self.fixed[place] for place, _ in pairs]
        self.slots, self.size = slots, size
        return True

    def parts(self) -> tuple[str, ...]:
        """Return the parts of the template that makes all members; between each two of them is a slot."""
        runs = [""]
        for slot, token in zip(self.slots, self.fixed, strict=False):
            if slot:
                runs.append("")
            runs[-1] += token
        if self.slots[-1]:
            runs.append("")
        return fewer(runs)


def fewer(runs: Sequence[str]) -> tuple[str, ...]:
    """Return the parts without those inner ones that are too short, and at most MAX_PARTS of them, the longest."""
    inner = [run for run in runs[1:-1] if len(run) > SHORT]
    if len(inner) > MAX_PARTS - 2:
        least = sorted(map(len, inner))[len(inner) - (MAX_PARTS - 2)]
        inner = [run for run in inner if len(run) >= least][: MAX_PARTS - 2]
    return (runs[0], *inner, runs[-1]) if len(runs) > 1 else (runs[0],)


def polished(parts: tuple[str, ...], members: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Return the parts with that white space and punctuation made fixed which begins or ends a slot in every member.

    `members` are the slot values of each member.
    """
    pieces = list(parts)
    for number, values in enumerate(zip(*members, strict=True)):
        kept = list(values)
        while all(kept) and not kept[0][0].isalnum() and len({value[0] for value in kept}) == 1:
            pieces[number] += kept[0][0]
            kept = [value[1:] for value in kept]
        end = ""
        while all(kept) and not kept[0][-1].isalnum() and len({value[-1] for value in kept}) == 1:
            end = kept[0][-1] + end
            kept = [value[:-1] for value in kept]
        pieces[number + 1] = end + pieces[number + 1]
    return tuple(pieces)
