"""The outline of a template: its words and pieces, and where a text that it nearly makes differs from it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from compression.discovery.align import Block, common, fewer
from compression.discovery.tokens import sentences, words

#: The share of the fixed text that a text has to keep to be a template's but for some words.
KEPT: Final = 0.8
#: Words more than it lacks that such a text may have where the template has no slot. More is news.
ADDED: Final = 3


class Change(NamedTuple):
    """Words of a template, from `begin` to `end`, in whose place a text has others; none, where it only has more."""

    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Outline:
    """A template's fixed text in pieces, each of which ends with a sentence or at a slot."""

    pieces: tuple[str, ...]
    #: The pieces before which a slot stands; their number stands for a slot behind all.
    opened: frozenset[int]
    words: tuple[str, ...]
    #: The piece of each word, and the words before which a slot stands.
    owners: tuple[int, ...]
    slots: frozenset[int]

    @classmethod
    def of(cls, parts: Sequence[str]) -> "Outline":
        """Return the outline of the template with these parts."""
        pieces: list[str] = []
        opened: set[int] = set()
        found: list[str] = []
        owners: list[int] = []
        slots: set[int] = set()
        for number, part in enumerate(parts):
            if number:
                opened.add(len(pieces))
                slots.add(len(found))
            for piece in sentences(part) if part else ():
                mine = words(piece)
                owners += [len(pieces)] * len(mine)
                found += mine
                pieces.append(piece)
        return cls(tuple(pieces), frozenset(opened), tuple(found), tuple(owners), frozenset(slots))

    def changes(self, text: Sequence[str]) -> list[Change]:
        """Return where a text, given as words, differs from the template, which does not make it; nothing if in more than
        single words. Linear in the text for a template.
        """
        found: list[Change] = []
        lost, place, other = 0, 0, 0
        for begin, start, size in [*common(self.words, text), Block(len(self.words), len(text), 0)]:
            between = not self.slots.isdisjoint(range(place, begin + 1))
            if begin > place or (start > other and not between):
                lost += sum(map(len, self.words[place:begin]))
                if not between and start - other > begin - place + ADDED:
                    return []
                found.append(Change(place, begin))
            place, other = begin + size, start + size
        return found if lost <= (1 - KEPT) * sum(map(len, self.words)) else []

    def touched(self, changes: Iterable[Change]) -> tuple[int, ...]:
        """Return the numbers of the pieces that are changed, rising."""
        owners: set[int] = set()
        for begin, end in changes:
            owners.update(self.owners[begin : max(end, begin + 1)] or self.owners[-1:])
        return tuple(sorted(owners))

    def beside_slots(self, changes: Iterable[Change]) -> bool:
        """Return whether each of the changes stands beside a slot."""
        return all(begin in self.slots or end in self.slots for begin, end in changes)

    def without(self, piece: int) -> tuple[str, ...]:
        """Return the parts of the template with a slot in the place of one piece."""
        runs = [""]
        for number, text in enumerate(self.pieces):
            if number in self.opened or number == piece or number == piece + 1:
                runs.append("")
            if number != piece:
                runs[-1] += text
        if len(self.pieces) in self.opened or piece == len(self.pieces) - 1:
            runs.append("")
        return fewer([runs[0], *filter(None, runs[1:-1]), runs[-1]])


def steadiest(texts: Sequence[Sequence[Change]]) -> float:
    """Return the share of texts that are changed in the same word, of that word which the most of them have changed."""
    places: Counter[int] = Counter()
    for changes in texts:
        # Behind which word something was added is told from which word was changed.
        places.update({n for begin, end in changes for n in (range(begin, end) if end > begin else (~begin,))})
    return max(places.values(), default=0) / max(1, len(texts))
