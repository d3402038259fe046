"""Finding the template that matches a text, at a cost that does not grow with the number of templates.

Each template stands in exactly one of four hash tables:

- `whole`: a template without slots, under its text.
- `ends`: under its head and its tail, the longest beginning of its first part and the longest end of its
  last part whose length is a power of two up to 256 (or 0). A text has at most ten heads and ten tails.
- `words`: where more than CROWD templates share head and tail, each under that piece of its fixed text which
  the fewest others hold, of those that begin at a word. A text is searched for such pieces only when it has a
  crowded head and tail.
- `grams`: the same for templates without such a piece, under any piece of their fixed text. This takes a look at
  each place of a text, not only at each word.

What the tables name is verified by `Template.match`, at most MAX_CANDIDATES times a text. So no text, however
hostile, costs more than a constant number of passes over it. Where a library gives more candidates than that
(many templates that differ in a letter or two), matches are missed, never wrong: which template is used is
the encoder's own affair.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, NamedTuple

from compression.codec.template import Template

END_SIZES: Final = (256, 128, 64, 32, 16, 8, 4, 2, 1, 0)
WORD_SIZES: Final = (16, 8)
GRAM_SIZES: Final = (16, 8, 4, 2, 1)
CROWD: Final = 8
MAX_CANDIDATES: Final = 64


class Match(NamedTuple):
    """A template that matches a text, its slot values, and the size in bytes of the payload they make."""

    template: Template
    slots: list[str]
    size: int


class Matcher:
    """An index over `templates`."""

    def __init__(self, templates: Iterable[Template]) -> None:
        self._whole: dict[str, Template] = {}
        self._ends: dict[str, dict[str, list[Template]]] = {}
        for template in templates:
            first, last = template.parts[0], template.parts[-1]
            if template.slot_count == 0:
                self._whole.setdefault(first, template)
            else:
                tails = self._ends.setdefault(first[: _end_size(first)], {})
                tails.setdefault(last[len(last) - _end_size(last) :], []).append(template)
        self._head_sizes = sorted({len(head) for head in self._ends})
        self._tail_sizes = sorted({len(tail) for tails in self._ends.values() for tail in tails})
        crowded = []
        for tails in self._ends.values():
            for tail, bucket in tails.items():
                if len(bucket) > CROWD:
                    crowded += bucket
                    tails[tail] = []  # An empty bucket sends the search to the grams.
        self._words, rest = _word_index(crowded)
        self._grams = _gram_index(rest)

    def match(self, text: str) -> Match | None:
        """Return the match of `text` whose payload is smallest (of equal ones the lowest id), or None."""
        best: Match | None = None
        for template in islice(self.candidates(text), MAX_CANDIDATES):
            slots = template.match(text)
            if slots is None:
                continue
            size = template.coded_size(slots)
            if best is None or (size, template.id) < (best.size, best.template.id):
                best = Match(template, slots, size)
        return best

    def candidates(self, text: str) -> Iterator[Template]:
        """Yield the templates that may match `text`: all that do, and few others."""
        if text in self._whole:
            yield self._whole[text]
        length = len(text)
        present = [tails for n in self._head_sizes if n <= length and (tails := self._ends.get(text[:n]))]
        if not present:
            return
        tail_texts = [text[length - n :] for n in self._tail_sizes if n <= length]
        crowded = False
        for tails in present:
            for tail in tail_texts:
                bucket = tails.get(tail)
                if bucket:
                    yield from bucket
                elif bucket is not None:
                    crowded = True
        if crowded:
            yield from self._candidates_by_gram(text)

    def _candidates_by_gram(self, text: str) -> Iterator[Template]:
        for size, words in self._words.items():
            met = set()
            start = text.find(" ") + 1
            while start:
                word = text[start : start + size]
                if word in words and word not in met:
                    met.add(word)
                    yield from words[word]
                start = text.find(" ", start) + 1
        for size, grams in self._grams.items():
            seen = set()
            for start in range(len(text) - size + 1):
                gram = text[start : start + size]
                if gram in grams and gram not in seen:
                    seen.add(gram)
                    yield from grams[gram]


def _end_size(part: str) -> int:
    return next(size for size in END_SIZES if size <= len(part))


def _word_index(templates: list[Template]) -> tuple[dict[int, dict[str, list[Template]]], list[Template]]:
    """Return templates under that piece from a word on which the fewest of them hold, and those without a rare one."""
    index: dict[int, dict[str, list[Template]]] = {}
    for size in WORD_SIZES:
        use = Counter(word for template in templates for word in set(_words(template, size)))
        crowded = []
        for template in templates:
            word = min(_words(template, size), key=use.__getitem__, default="")
            if word and use[word] <= CROWD:
                index.setdefault(size, {}).setdefault(word, []).append(template)
            else:
                crowded.append(template)
        templates = crowded
    return index, templates


def _words(template: Template, size: int) -> Iterator[str]:
    """Yield the pieces of `size` characters that begin behind a space in the same part."""
    for part in template.parts:
        start = part.find(" ") + 1
        while start and start + size <= len(part):
            yield part[start : start + size]
            start = part.find(" ", start) + 1


def _gram_index(templates: list[Template]) -> dict[int, dict[str, list[Template]]]:
    """Return each of `templates` under that gram which the fewest of them hold; shorter grams only if those crowd."""
    index: dict[int, dict[str, list[Template]]] = {}
    for size in GRAM_SIZES:
        use = Counter(gram for template in templates for gram in set(_grams(template, size)))
        crowded = []
        for template in templates:
            gram = min(_grams(template, size), key=use.__getitem__, default="")
            if gram and (use[gram] <= CROWD or size == 1):
                index.setdefault(size, {}).setdefault(gram, []).append(template)
            else:
                crowded.append(template)
        templates = crowded
    return index


def _grams(template: Template, size: int) -> Iterator[str]:
    """Yield pieces of `size` characters that cover every part at least that long.

    They are cut from a part's beginning, in the last part from its end: there is what templates have in common, and
    only pieces that are cut alike count as the same.
    """
    for part in template.parts[:-1]:
        yield from (part[start : start + size] for start in range(0, len(part) - size + 1, size))
        if len(part) > size and len(part) % size:
            yield part[len(part) - size :]
    last = template.parts[-1]
    yield from (last[end - size : end] for end in range(len(last), size - 1, -size))
    if len(last) > size and len(last) % size:
        yield last[:size]
