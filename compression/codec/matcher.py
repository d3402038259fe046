"""Finding the template that matches a text, at a cost that does not grow with the number of templates.

Each template stands in exactly one of four hash tables:

- `whole`: a template without slots, under its text.
- `ends`: under its head and its tail, the longest beginning of its first part and the longest end of its
  last part whose length is a power of two up to 256 (or 0). A text has at most ten heads and ten tails.
- `words`: where more than CROWD templates share head and tail, each under those two words of its fixed text, one
  after the other, which the fewest others hold. A text is searched for such pairs only when it has a crowded
  head and tail.
- `grams`: the same for templates without such a pair, under any piece of their fixed text. This takes a look at
  each place of a text, not only at each word.

What the tables name is verified by `Template.match`, at most MAX_CANDIDATES times a text. Those with most fixed text
come first, so that what they leave open tells of most others that they cannot be smaller. So no text, however
hostile, costs more than a constant number of passes over it. Where a library gives more candidates than that
(many templates that differ in a letter or two), matches are missed, never wrong: which template is used is
the encoder's own affair.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice, pairwise
from typing import Final, NamedTuple

from compression.codec.template import Template

END_SIZES: Final = (256, 128, 64, 32, 16, 8, 4, 2, 1, 0)
GRAM_SIZES: Final = (16, 8, 4, 2, 1)
CROWD: Final = 4
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
        for template in sorted(templates, key=lambda one: -one.fixed_bytes):
            first, last = template.parts[0], template.parts[-1]
            if template.slot_count == 0:
                known = self._whole.setdefault(first, template)
                if template.id < known.id:
                    self._whole[first] = template
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
        length = 0
        for template in islice(self.candidates(text), MAX_CANDIDATES):
            if best is not None and template.least_size(length) > best.size:
                continue
            slots = template.match(text)
            if slots is None:
                continue
            size = template.coded_size(slots)
            if best is None:
                length = len(text) if text.isascii() else template.fixed_bytes + sum(len(one.encode()) for one in slots)
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
        if self._words:
            words = text.split(" ")
            for pair in dict.fromkeys(filter(self._words.__contains__, pairwise(words))):
                yield from self._words[pair]
        for size, grams in self._grams.items():
            seen = set()
            for start in range(len(text) - size + 1):
                gram = text[start : start + size]
                if gram in grams and gram not in seen:
                    seen.add(gram)
                    yield from grams[gram]


def _end_size(part: str) -> int:
    return next(size for size in END_SIZES if size <= len(part))


def _word_index(templates: list[Template]) -> tuple[dict[tuple[str, str], list[Template]], list[Template]]:
    """Return templates under that pair of words which the fewest of them hold, and those without a rare one."""
    index: dict[tuple[str, str], list[Template]] = {}
    use = Counter(pair for template in templates for pair in set(_pairs(template)))
    rest = []
    for template in templates:
        pair = min(_pairs(template), key=use.__getitem__, default=None)
        if pair is not None and use[pair] <= CROWD:
            index.setdefault(pair, []).append(template)
        else:
            rest.append(template)
    return index, rest


def _pairs(template: Template) -> Iterator[tuple[str, str]]:
    """Yield the pairs of words, one after the other, that are whole in every text of the template."""
    last = len(template.parts) - 1
    for number, part in enumerate(template.parts):
        words = part.split(" ")
        # A slot may go on with the word that it stands beside.
        yield from pairwise(words[number > 0 : len(words) - (number < last)])


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
