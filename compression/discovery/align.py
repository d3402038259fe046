"""Alignment of texts that were made from one template: what all have in common, in order, and the slots between."""

from collections.abc import Sequence
from typing import NamedTuple

from rapidfuzz.distance import LCSseq

from compression.codec.template import MAX_PARTS
from compression.discovery.tokens import tokens

#: A fixed text this short between two slots costs more than it saves: the slots become one.
SHORT = 2


class Block(NamedTuple):
    """Tokens that two texts have in common: where they begin in the one and in the other, and how many they are."""

    one: int
    other: int
    size: int


def common(one: Sequence[str], other: Sequence[str]) -> list[Block]:
    """Return a longest common subsequence as blocks, in order (bit-parallel; Hyyrö, 2004)."""
    # Its own blocks, the last of which is empty, cost a fraction of what its operations do.
    blocks = LCSseq.editops(one, other).as_matching_blocks()
    return [Block(block.a, block.b, block.size) for block in blocks if block.size]


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
        blocks = common(self.fixed, words)
        size = sum(sum(map(len, self.fixed[begin : begin + count])) for begin, _, count in blocks)
        if size < least:
            return False
        fixed: list[str] = []
        slots: list[bool] = []
        place, behind = 0, 0
        for begin, other, count in [*blocks, Block(len(self.fixed), len(words), 1)]:
            gap = begin != place or other != behind
            slots.append(gap or any(self.slots[place : begin + 1]))
            slots += self.slots[begin + 1 : begin + count]
            fixed += self.fixed[begin : begin + count]
            place, behind = begin + count, other + count
        self.fixed = fixed
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
