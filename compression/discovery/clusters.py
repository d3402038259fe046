"""Clusters: texts that one template makes, with as much of them kept as is needed to judge it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain
from typing import Final

from compression.codec.errors import LibraryError
from compression.codec.template import Template
from compression.discovery.align import Alignment, Block, common, polished
from compression.discovery.outline import KEPT, Outline, steadiest
from compression.discovery.personal import Personal, without_personal
from compression.discovery.tokens import tokens, words

#: Texts kept of a cluster.
EXAMPLES: Final = 16
#: Texts that are aligned; what further ones differ in is found when they turn out not to match.
ALIGNED: Final = 8
#: Texts, the most similar first, that do not fit one after the other before the attempt is given up.
REFUSED: Final = 3
#: The share of the fixed text that stays when slots are widened for single texts.
WIDENED: Final = 0.95
#: The share of a text that has to be fixed.
FIXED: Final = 0.6
#: The share of a template's fixed text that a variant of it has at least.
VARIED: Final = 0.5
#: Characters of fixed text beyond that share that go with each slot.
SLOT: Final = 6
#: The share of a template's fixed text that another one has to hold to contain it.
CONTAINED: Final = 0.9
#: The share of texts that agree in what stands in a slot for it to be fixed text.
USUAL: Final = 0.7
#: Characters of fixed text that a template has at least.
LEAST: Final = 8


@dataclass(frozen=True, slots=True)
class Unit:
    """A text to be mined, a message or a sentence, and the pseudonym of its user."""

    user: str
    text: str


@dataclass(slots=True)
class Cluster:
    """A template, some of the texts it makes, how many were counted, and the users of those as a bitmap."""

    template: Template
    examples: list[Unit]
    sketch: tuple[int, ...]
    count: int = 0
    users: int = 0
    #: Further n-grams of texts that it was made from: what has no others says nothing new.
    wide: frozenset[int] = frozenset()
    #: The number of the cluster that this one is a variant of, -1 for none.
    parent: int = -1
    #: The numbers of this one's own variants, by the place where they differ from it.
    variants: dict[int, int] = field(default_factory=dict)
    began: int = 0  # characters of fixed text at first
    longest: int = field(init=False)
    _outline: Outline | None = None

    def __post_init__(self) -> None:
        self.longest = max(map(len, self._texts()))
        self.began = self.began or _fixed(self.template)

    def takes(self, text: str) -> bool:
        """Return whether the template makes `text`, and not only because its slots take anything."""
        return len(text) <= 2 * self.longest and self.template.match(text) is not None

    def outline(self) -> Outline:
        """Return the words of the template, for the comparison with texts that it does not make."""
        if self._outline is None:
            self._outline = Outline.of(self.template.parts)
        return self._outline

    def widen(self, text: str) -> bool:
        """Give the slots more room if that is all it takes for the template to make `text`; return whether it was.

        Fixed text only gets less, so what made it safe holds on. It never falls below WIDENED of what it was at first.
        """
        alignment = Alignment.of_parts(self.template.parts)
        if not alignment.add(tokens(text), WIDENED * self.began):
            return False
        parts = alignment.parts()
        template = _template(self.template.id, parts) if len(parts) == len(self.template.parts) else None
        if template is None or any(template.match(example) is None for example in (text, *self._texts())):
            return False
        self.template, self._outline = template, None
        return True

    def _texts(self) -> list[str]:
        return [unit.text for unit in self.examples]

    def settle(self, k: int, personal: Personal) -> bool:
        """Make fixed text of what nearly all examples have in common, if those of `k` users do; return whether it was."""
        template = settled(self.template, self.examples, personal)
        if template is None:
            return False
        made = [unit for unit in self.examples if template.match(unit.text) is not None]
        if len({unit.user for unit in made}) < k:
            return False
        self.template, self.examples, self._outline = template, made, None
        self.began = _fixed(template)
        return True

    def add(self, unit: Unit, bit: int) -> None:
        """Count a text in; it is kept while there is room."""
        self.count += 1
        self.users |= bit
        if len(self.examples) < EXAMPLES:
            self.examples.append(unit)
            self.longest = max(self.longest, len(unit.text))


def form(units: Sequence[Unit], k: int, personal: Personal, number: int) -> tuple[Template, list[Unit]] | None:
    """Return the template that most of `units` come from, as the first one does, and those it makes; None without one.

    The rules of privacy are part of it: what `personal` finds is no fixed text, and texts of at least `k` distinct users
    must be made by what remains.
    """
    seed, *others = units
    alignment = Alignment(tokens(seed.text))
    accepted, refused = [seed], 0
    for unit in others:
        if len(accepted) >= ALIGNED and len({one.user for one in accepted}) >= k:
            break
        longer = max(len(seed.text), len(unit.text))
        least = KEPT * alignment.size if len(accepted) > 1 else FIXED * longer
        if alignment.add(tokens(unit.text), max(least, FIXED * longer)):
            accepted.append(unit)
            refused = 0
        else:
            refused += 1
            if refused >= REFUSED:
                break
    if len({unit.user for unit in accepted}) < k:
        return None
    parts = alignment.parts()
    template = _template(number, without_personal(parts, personal))
    if template is None:
        return None
    # What the check for personal data took is no chance: all of them have it.
    taken = sum(map(len, parts)) - _fixed(template) + SLOT * (len(template.parts) - len(parts))
    slots = [found for unit in accepted if (found := template.match(unit.text)) is not None]
    # What was made fixed at the edges of slots is checked like all other fixed text.
    better = _template(number, without_personal(polished(template.parts, slots), personal))
    usual = better and settled(better, units, personal)
    for candidate in (usual, better, template):
        made = [unit for unit in units if candidate is not None and candidate.match(unit.text) is not None]
        mean = sum(len(unit.text) for unit in made) / max(1, len(made))
        if candidate is not None and len({unit.user for unit in made}) >= k and _says_enough(candidate, mean, taken):
            return candidate, made
    return None


def merged(one: Cluster, other: Cluster, k: int, personal: Personal) -> tuple[Template, list[Unit]] | None:
    """Return the template of both clusters when it loses little of either, and examples; else None."""
    largest = max(_fixed(one.template), _fixed(other.template))
    if KEPT * largest <= _fixed(one.template) and all(one.takes(unit.text) for unit in other.examples):
        return one.template, [*one.examples, *other.examples]
    units = [unit for pair in zip(one.examples, other.examples, strict=False) for unit in pair]
    found = form(units, k, personal, one.template.id)
    if found is None or _fixed(found[0]) < KEPT * largest:
        return None
    template = found[0]
    made = [unit for unit in (*one.examples, *other.examples) if template.match(unit.text) is not None]
    return (template, made) if len(made) == len(one.examples) + len(other.examples) else None


def variant(
    cluster: Cluster, units: Sequence[Unit], k: int, personal: Personal, number: int
) -> tuple[Template, list[Unit]] | None:
    """Return a template for texts that differ from a cluster's in the same piece, and those it makes; None without one.

    Where most of them differ in the same word there is a slot for it. Else each has another word changed, and the slot is
    the whole piece. The rules of privacy are those of `form`; fixed text only gets less.
    """
    outline = cluster.outline()
    changes = [outline.changes(words(unit.text)) for unit in units]
    parts = None
    if steadiest(changes) >= USUAL:
        alignment = Alignment.of_parts(cluster.template.parts)
        for unit in units:
            alignment.add(tokens(unit.text), FIXED * len(unit.text))
        template = _template(number, alignment.parts())
        members = [slots for unit in units if template is not None and (slots := template.match(unit.text)) is not None]
        if template is not None and members:
            parts = polished(template.parts, members)
    else:
        touched = outline.touched(changes[0])
        parts = outline.without(touched[0]) if len(touched) == 1 else None
    template = _template(number, without_personal(parts, personal)) if parts else None
    made = [unit for unit in units if template is not None and template.match(unit.text) is not None]
    enough = template is not None and _fixed(template) >= VARIED * _fixed(cluster.template)
    return (template, made) if template is not None and enough and len({unit.user for unit in made}) >= k else None


def settled(template: Template, units: Sequence[Unit], personal: Personal) -> Template | None:
    """Return the template with fixed text in those slots that hold the same in most texts, None without such slots.

    In the other texts somebody changed a word. A slot for it would make the template worse for all.
    """
    members = [slots for unit in units if (slots := template.match(unit.text)) is not None]
    parts = [template.parts[0]]
    for part, values in zip(template.parts[1:], zip(*members, strict=True), strict=False):
        value, times = Counter(values).most_common(1)[0]
        if times >= USUAL * len(members):
            parts[-1] += value + part
        else:
            parts.append(part)
    found = len(parts) < len(template.parts) and len(members) > 1
    return _template(template.id, without_personal(tuple(parts), personal)) if found else None


def contained(template: Template, known: Template) -> bool:
    """Return whether a template leaves open more than the `known` one, and says nothing that this one does not."""
    ours, theirs = _words(*template.parts), _words(*known.parts)
    kept = sum(len(word) for begin, _, size in common(ours, theirs) for word in ours[begin : begin + size])
    return kept >= CONTAINED * sum(map(len, ours))


def noise(template: Template, made: Sequence[Unit], known: Template) -> bool:
    """Return whether a template is the `known` one with slots where single texts differ from it by chance.

    So it is when the known one contains its fixed text, and the texts `made` by it differ from the known one in other places
    each. Without this, traffic in which people change a word here and there makes ever more templates.
    """
    return contained(template, known) and scattered(made, known)


def scattered(made: Sequence[Unit], known: Template) -> bool:
    """Return whether texts differ from a template in other places each."""
    theirs = _words(*known.parts)
    slots = set(accumulate(len(_words(part)) for part in known.parts[:-1]))
    some = made[:ALIGNED]
    changed: Counter[int] = Counter()
    for unit in some:
        said = words(unit.text)
        place, other = 0, 0
        for begin, start, size in [*common(theirs, said), Block(len(theirs), len(said), 0)]:
            # Words of the known one that this text lacks, or a place without a slot where it has more.
            changed.update(range(place, begin))
            changed.update((~place,) if begin == place and start > other and place not in slots else ())
            place, other = begin + size, start + size
    return 2 * max(changed.values(), default=0) < len(some)


def _words(*texts: str) -> list[str]:
    return list(chain.from_iterable(map(words, texts)))


def _template(number: int, parts: tuple[str, ...]) -> Template | None:
    """Return the template of these parts, None when its bounds or sense forbid it."""
    if sum(len(part.strip()) for part in parts) < LEAST:
        return None
    try:
        return Template(number, parts)
    except LibraryError:
        return None


def _says_enough(template: Template, mean: float, taken: int) -> bool:
    """Return whether a template is what texts of `mean` characters are made from, not what they have in common by chance.

    Free texts about the same agree in many words, with slots all over: each slot has to be made up for. What the check for
    personal data has `taken` counts as fixed.
    """
    return _fixed(template) + taken - SLOT * template.slot_count >= FIXED * mean


def _fixed(template: Template) -> int:
    return sum(map(len, template.parts))
