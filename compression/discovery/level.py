"""One level of mining: texts of one kind, the clusters they make, and those that wait for their like."""

import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, count, islice, zip_longest
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from compression.codec.matcher import MAX_CANDIDATES, Matcher
from compression.codec.template import Template
from compression.discovery.clusters import (
    EXAMPLES,
    USUAL,
    Cluster,
    Unit,
    contained,
    form,
    merged,
    noise,
    scattered,
    variant,
)
from compression.discovery.grams import WIDE, user_bit, user_number
from compression.discovery.outline import Change
from compression.discovery.personal import Personal
from compression.discovery.tokens import tokens, words

if TYPE_CHECKING:
    from compression.discovery.sketches import Sketches

#: The share of a sketch that has to agree before texts are aligned, or before a text is matched against a template, which
#: costs less.
ALIKE: Final = 0.5
RELATED: Final = 0.25
#: The n-grams of those that make a sketch by which a text is found again.
SKETCH: Final = 12
#: The same in the end, when few texts are left: the more n-grams, the surer it is which texts are alike.
FULL: Final = 24
#: Texts that one attempt at a template looks at.
ATTEMPT: Final = 16
#: The share of a sketch that has to be news beside similar clusters for a text to be looked at as one of another kind.
NEWS: Final = 0.25
#: Clusters that a new one is compared with, the most similar first.
NEAR: Final = 8
#: Texts kept for one n-gram, the newest.
POSTINGS: Final = 48
#: Texts of one user kept for one n-gram: more would drive out those of others, and make work without a chance.
OWN: Final = 2
#: N-grams by which similar texts are found at least, even if very many texts have them.
RARE: Final = 4
#: Texts after which a cluster's fixed text is believed: before that a single text takes words beside a slot away.
YOUNG: Final = 32
#: Variants of one cluster: templates for its texts with words changed in one place.
VARIANTS: Final = 8


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of a miner's memory, each for messages and for sentences: texts that wait for their like, n-grams in
    each half of the table, clusters. `text` is the most characters of an answer; longer ones are passed over."""

    pending: int = 8_192
    grams: int = 100_000
    clusters: int = 20_000
    text: int = 16_384


DEFAULT_LIMITS: Final = Limits()


class LevelMiner:
    """The clusters of one level."""

    def __init__(self, gram: int, k: int, personal: Personal, limits: Limits) -> None:
        self.clusters: dict[int, Cluster] = {}
        self.alignments = 0
        self._k = k
        self._personal = personal
        self._limits = limits
        self._sketches = _sketches(gram, limits.grams)
        self._pending: dict[int, tuple[Unit, tuple[int, ...]]] = {}
        # N-gram to pending texts, each in one of its user's places; a dictionary only where there are several.
        self._waiting: dict[int, int | dict[int, int]] = {}
        self._passed: list[Unit] = []  # texts in whose places newer ones of the same user wait
        self._known: dict[int, list[int]] = {}  # n-gram to clusters
        self._failed: dict[int, int] = {}  # smallest n-gram of a sketch to attempts that came to nothing
        self._hasty = True  # whether what failed is tried again seldom, and by short sketches
        self._numbers = count()
        self._matcher = Matcher(())
        self._fresh = 0

    @property
    def size(self) -> int:
        waiting = sum(len(found) if isinstance(found, dict) else 1 for found in self._waiting.values())
        index = waiting + sum(map(len, self._known.values()))
        return len(self.clusters) + len(self._pending) + self._sketches.entries + index

    def add(self, units: Sequence[Unit]) -> list[Unit]:
        """Take texts in, and return those that have waited long enough for their like."""
        missed = []
        for unit in units:
            cluster = self._maker(unit.text)
            if cluster is not None:
                cluster.add(unit, user_bit(unit.user))
            else:
                missed.append(unit)
        users = [user_number(unit.user) for unit in missed]
        for unit, wide in zip(missed, self._sketches.take([tokens(unit.text) for unit in missed], users), strict=True):
            if wide:
                self._settle(next(self._numbers), unit, wide)
        # Built anew when the index has fallen behind by a tenth, so that building stays linear in the clusters made.
        if 10 * self._fresh > len(self.clusters):
            self._promote()
            self._index_clusters()
        return self._forget()

    def _maker(self, text: str) -> Cluster | None:
        """Return the cluster that makes a text, as far as the index is up to date, or None."""
        named = (template.id for template in islice(self._matcher.candidates(text), MAX_CANDIDATES))
        return _first([self.clusters[number] for number in named if number in self.clusters], text)

    def _family(self, related: Sequence[Cluster], text: str) -> Cluster | None:
        """Return that one of the clusters which makes a text, or else of their variants."""
        variants = (self.clusters[number] for cluster in related for number in cluster.variants.values())
        return _first(related, text) or _first(list(variants), text)

    def finish(self) -> list[Unit]:
        """Try what waits once more, with all that is known by now, and return what finds no template."""
        # Few that differ from a template in the same place make nothing now, as they made nothing before.
        few = [number for number, (_, keys) in self._pending.items() if len(keys) == 1 and not self._like(keys)]
        kept, self._pending, self._waiting = self._pending, {}, {}
        waiting = {number: kept[number][0] for number in sorted(kept.keys() - few)}
        sketches = self._sketches.take([tokens(unit.text) for unit in waiting.values()])
        for (number, unit), wide in zip(waiting.items(), sketches, strict=True):
            self._wait(number, unit, wide[:FULL])
        for number in few:
            self._pending[number] = kept[number]
        self._failed.clear()
        self._hasty = False
        for (number, unit), wide in zip(waiting.items(), sketches, strict=True):
            if number in self._pending and (self._votes(wide[:FULL], self._known) or self._like(wide[:FULL])):
                del self._pending[number]
                self._settle(number, unit, wide)
        self._hasty = True
        self._consolidate()
        left = [*self._passed, *(unit for unit, _ in self._pending.values())]
        self._pending, self._waiting, self._passed = {}, {}, []
        return left

    def _narrowed(self, wide: tuple[int, ...]) -> tuple[int, ...]:
        """Return of a text's smallest n-grams those that make its sketch."""
        return wide[: SKETCH if self._hasty else FULL]

    def _like(self, sketch: tuple[int, ...]) -> bool:
        """Return whether enough others wait that are like a text."""
        return len(self._votes(sketch, self._waiting)) >= self._k

    def _consolidate(self) -> None:
        """Make the templates tidy: without slots where hardly a text differs, and without those that are noise of others."""
        self._promote()
        own = [cluster for cluster in self.clusters.values() if cluster.parent < 0]
        for cluster in own:
            cluster.settle(self._k, self._personal)
        for cluster in sorted(own, key=lambda one: one.count, reverse=True):
            if cluster.template.id in self.clusters:
                for number in _alike(self._votes(cluster.sketch, self._known), len(self.clusters)):
                    other = self.clusters[number]
                    if other is not cluster and noise(other.template, other.examples, cluster.template):
                        self._absorb(cluster, number)
        self._index_clusters()

    def _promote(self) -> None:
        """Put those variants in the place of their clusters that are no exception: what they leave open is a slot."""
        for cluster in list(self.clusters.values()):
            parent = self.clusters.get(cluster.parent)
            if parent is not None and cluster.count >= (1 - USUAL) * (cluster.count + parent.count):
                cluster.parent, cluster.wide = -1, parent.wide
                cluster.examples = _mixed(cluster.examples, parent.examples)
                self._absorb(cluster, parent.template.id)

    def _absorb(self, cluster: Cluster, number: int) -> None:
        """Count what another cluster made as made by this one, and give it the other's variants."""
        other = self.clusters.pop(number)
        cluster.count, cluster.users = cluster.count + other.count, cluster.users | other.users
        for place, variant_number in other.variants.items():
            if variant_number != cluster.template.id:
                if len(cluster.variants) < VARIANTS:
                    cluster.variants[place] = variant_number
                    self.clusters[variant_number].parent = cluster.template.id
                else:
                    del self.clusters[variant_number]

    def nearest(self, text: str) -> int | None:
        cluster = self._maker(text)
        if cluster is not None:
            return cluster.template.id if cluster.parent < 0 else cluster.parent
        sketch = self._sketches.take([tokens(text)])[0][:SKETCH]
        shared = self._votes(sketch, self._known)
        return next((number for number, share in shared.items() if share >= ALIKE), None)

    def _settle(self, number: int, unit: Unit, wide: tuple[int, ...]) -> None:
        """Put a text into a cluster, an existing one or one that it makes possible; else it waits as `number`.

        `wide` are the smallest of its n-grams, and more.
        """
        sketch = self._narrowed(wide)
        shared = self._votes(sketch, self._known)
        related = [self.clusters[one] for one in islice(shared, 2)]
        cluster = self._family(related, unit.text)
        if cluster is not None:
            cluster.add(unit, user_bit(unit.user))
            return
        if related and shared[related[0].template.id] >= ALIKE:
            self.alignments += 1
            changes = related[0].outline().changes(words(unit.text))
            if changes:
                beside = related[0].count < YOUNG and related[0].outline().beside_slots(changes)
                if beside and related[0].widen(unit.text):
                    related[0].add(unit, user_bit(unit.user))
                    self._fresh += 1
                    return
                self._vary(number, unit, related[0], changes)
                return
        known = [self.clusters[one] for one in _alike(shared)]
        # What a text brings that none of the known ones has; with little of that it is most likely noise.
        news = frozenset(sketch).difference(*(cluster.wide for cluster in known))
        anchor = min(news) if len(news) > NEWS * len(sketch) else ~known[0].template.id
        if not self._try(unit, wide, anchor, [self.clusters[one] for one in islice(shared, NEAR)]):
            self._wait(number, unit, sketch)

    def _vary(self, number: int, unit: Unit, cluster: Cluster, changes: Sequence[Change]) -> None:
        """Make a variant of a text that is a cluster's but for some words and its like; else it waits as `number`."""
        place = hash((cluster.template.id, *cluster.outline().touched(changes)))
        candidates = list(self._votes((place,), self._waiting))
        units = self._company(unit, candidates)
        enough = len({one.user for one in units}) >= self._k and len(cluster.variants) < VARIANTS
        if enough and place not in cluster.variants and self._may(place):
            self.alignments += 2 * len(units)
            made = variant(cluster, units, self._k, self._personal, next(self._numbers))
            if made is not None:
                found = Cluster(made[0], made[1], cluster.sketch)
                self._take(found, unit, candidates)
                self._add_variant(cluster, place, found)
                return
            self._failed.setdefault(place, 1)
        self._wait(number, unit, (place,))

    def _may(self, anchor: int) -> bool:
        """Return whether to try once more what `anchor` stands for: if it has failed, seldom."""
        if anchor not in self._failed or not self._hasty:
            return True
        self._failed[anchor] += 1
        return rarely(self._failed[anchor])

    def _take(self, cluster: Cluster, unit: Unit, candidates: Iterable[int]) -> None:
        """Count a text into a new cluster, and of those that wait what it makes; they wait no longer."""
        taken = [one for one in candidates if cluster.takes(self._pending[one][0].text)]
        cluster.examples = cluster.examples[:EXAMPLES]
        for member in (unit, *(self._pending.pop(one)[0] for one in taken)):
            cluster.count += 1
            cluster.users |= user_bit(member.user)

    def _company(self, unit: Unit, candidates: Iterable[int]) -> list[Unit]:
        """Return a text and those of `candidates` that are tried with it, at most ATTEMPT: one of each user, the most
        similar first, then others of theirs. So nobody hides what several have in common by saying much."""
        first, more = {unit.user: unit}, []
        for number in candidates:
            other = self._pending[number][0]
            if first.setdefault(other.user, other) is not other:
                more.append(other)
            elif len(first) == ATTEMPT:
                break
        return [*first.values(), *more][:ATTEMPT]

    def _wait(self, number: int, unit: Unit, sketch: tuple[int, ...]) -> None:
        """Let a text wait for its like. Of one user's texts that are alike the newest OWN wait, the others are passed on."""
        self._pending[number] = (unit, sketch)
        place = _place(unit.user, number)
        replaced: list[int] = []
        for gram in sketch:
            numbers = self._waiting.setdefault(gram, number)
            if isinstance(numbers, int):
                if numbers == number:
                    continue
                only = self._pending.get(numbers)
                numbers = self._waiting[gram] = {_place(only[0].user, numbers): numbers} if only is not None else {}
            if place in numbers:
                replaced.append(numbers.pop(place))
            elif len(numbers) == 2 * POSTINGS:
                for oldest in list(islice(numbers, POSTINGS)):
                    del numbers[oldest]
            numbers[place] = number
        for other, shared in Counter(replaced).items() if replaced else ():
            if other != number and other in self._pending and shared >= ALIKE * len(sketch):
                self._passed.append(self._pending.pop(other)[0])

    def _votes(self, sketch: tuple[int, ...], index: Any) -> dict[int, float]:
        """Return what shares enough of a sketch and still exists, the most similar first, and the share.

        N-grams that very many have say nothing, and few of those that have them are remembered: they are left out, unless
        there are hardly any others.
        """
        waiting = index is self._waiting
        share = ALIKE if waiting else RELATED
        found = [one for one in map(index.get, sketch) if one is not None]
        if len(found) < share * len(sketch):
            return {}
        rare = [one for one in found if one.__class__ is int or len(one) < POSTINGS]
        size = len(sketch) - len(found) + len(rare)
        if size < min(RARE, len(sketch)):
            rare, size = found, len(sketch)
        least = max(1, share * size)
        if len(rare) < least:
            return {}
        lists = [(one,) if one.__class__ is int else one.values() if waiting else one for one in rare]
        votes = Counter(chain.from_iterable(lists))
        holder = self._pending if waiting else self.clusters
        enough = [(shared, number) for number, shared in votes.items() if shared >= least and number in holder]
        return {number: shared / size for shared, number in sorted(enough, key=itemgetter(0), reverse=True)}

    def _try(self, unit: Unit, wide: tuple[int, ...], anchor: int, known: Sequence[Cluster]) -> bool:
        """Make a cluster of a text and those like it, if they have a template that is news beside the `known` ones."""
        if not self._may(anchor):
            return False
        candidates = list(self._votes(self._narrowed(wide), self._waiting))
        units = self._company(unit, candidates)
        if len({one.user for one in units}) < self._k:
            return False
        self.alignments += len(units) - 1
        number = next(self._numbers)
        made = form(units, self._k, self._personal, number)
        parent = next((one for one in known if made is not None and contained(made[0], one.template)), None)
        if made is None or (parent is not None and not self._varies(parent, made[1])):
            self._failed.setdefault(anchor, 1)
            return False
        self._failed.pop(anchor, None)
        cluster = Cluster(made[0], made[1], wide[:SKETCH], wide=frozenset(wide))
        self._take(cluster, unit, candidates)
        if parent is not None:
            self._add_variant(parent, anchor, cluster)
        else:
            self._insert(self._joined(cluster))
        return True

    def _varies(self, cluster: Cluster, made: Sequence[Unit]) -> bool:
        """Return whether texts that a cluster does not make deserve a variant of it."""
        return len(cluster.variants) < VARIANTS and not scattered(made, cluster.template)

    def _add_variant(self, cluster: Cluster, place: int, found: Cluster) -> None:
        found.parent = cluster.template.id
        cluster.variants[place] = found.template.id
        self.clusters[found.template.id] = found

    def _joined(self, cluster: Cluster) -> Cluster:
        """Return a new cluster, made one with those that turn out to be the same with another constant."""
        for number in _alike(self._votes(cluster.sketch, self._known)):
            other = self.clusters[number]
            self.alignments += 1
            if noise(other.template, other.examples, cluster.template):
                self._absorb(cluster, number)
                continue
            both = merged(cluster, other, self._k, self._personal)
            if both is not None:
                template, examples = both
                # Examples of as many users as possible come first.
                by_user = {unit.user: unit for unit in reversed(examples)}
                kept = [*by_user.values(), *(unit for unit in examples if by_user[unit.user] is not unit)][:EXAMPLES]
                joined = Cluster(template, kept, cluster.sketch, cluster.count, cluster.users)
                joined.wide = cluster.wide | other.wide if len(other.wide) < 2 * WIDE else cluster.wide
                joined.variants = cluster.variants
                cluster = joined
                self._absorb(cluster, number)
        return cluster

    def _insert(self, cluster: Cluster) -> None:
        self.clusters[cluster.template.id] = cluster
        self._fresh += 1
        for gram in cluster.sketch:
            numbers = self._known.setdefault(gram, [])
            numbers[:] = [number for number in numbers if number in self.clusters][-POSTINGS:]
            numbers.append(cluster.template.id)

    def _forget(self) -> list[Unit]:
        """Bring what is held back under its limits: the oldest texts, which are returned, and the rarest clusters."""
        limits = self._limits
        oldest = list(islice(self._pending, max(0, len(self._pending) - limits.pending)))
        gone = [*self._passed, *(self._pending.pop(number)[0] for number in oldest)]
        self._passed = []
        if len(self._waiting) > 2 * SKETCH * limits.pending:
            self._waiting = {}
            for number, (unit, sketch) in self._pending.items():
                self._wait(number, unit, sketch)
        if len(self._failed) > limits.pending:
            self._failed.clear()
        if len(self.clusters) > limits.clusters:
            rarest = sorted(self.clusters, key=lambda number: self.clusters[number].count)
            for number in rarest[: len(self.clusters) - limits.clusters * 9 // 10]:
                del self.clusters[number]
            self._index_clusters()
        return gone

    def _index_clusters(self) -> None:
        """Build the index of clusters anew. Variants are found by their clusters, unless they begin or end otherwise."""
        self._known = {}
        for cluster in self.clusters.values():
            cluster.variants = {place: one for place, one in cluster.variants.items() if one in self.clusters}
            if cluster.parent not in self.clusters:
                cluster.parent = -1
                self._insert(cluster)
        ends = {number: _ends(cluster) for number, cluster in self.clusters.items()}
        named = (one for number, one in self.clusters.items() if ends[number] != ends.get(one.parent))
        self._matcher = Matcher(cluster.template for cluster in named)
        self._fresh = 0

    def state(self) -> dict[str, Any]:
        clusters = [
            [
                one.template.id,
                one.template.parts,
                _rows(one.examples),
                one.sketch,
                one.count,
                one.users,
                sorted(one.wide),
                one.parent,
                list(one.variants.items()),
                one.began,
            ]
            for one in self.clusters.values()
        ]
        pending = [[number, unit.user, unit.text, sketch] for number, (unit, sketch) in self._pending.items()]
        self._numbers = count(last := next(self._numbers))
        return {
            "clusters": clusters,
            "pending": pending,
            "next": last,
            "alignments": self.alignments,
            "sketches": self._sketches.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.alignments = state["alignments"]
        self._numbers = count(state["next"])
        self._sketches.restore(state["sketches"])
        for number, parts, examples, sketch, counted, users, wide, parent, variants, began in state["clusters"]:
            units = [Unit(user, text) for user, text in examples]
            template = Template(number, tuple(parts))
            self.clusters[number] = Cluster(
                template, units, tuple(sketch), counted, users, frozenset(wide), parent, dict(variants), began
            )
        self._index_clusters()
        for number, user, text, sketch in state["pending"]:
            self._wait(number, Unit(user, text), tuple(sketch))


def _place(user: str, number: int) -> int:
    """Return the place of a text among those of one n-gram: one of OWN that its user has."""
    return OWN * zlib.crc32(user.encode("utf-8", "surrogatepass")) + number % OWN


def _sketches(gram: int, limit: int) -> "Sketches":
    """Return sketches; numpy is loaded only here, a third of a second that processes without discovery are spared."""
    from compression.discovery.sketches import Sketches

    return Sketches(gram, limit)


def rarely(times: int) -> bool:
    """Return whether what failed so many times may be tried again: at its 1st, 2nd, 4th, 8th ... time."""
    return not times & (times - 1)


def _alike(votes: dict[int, float], most: int = NEAR) -> list[int]:
    """Return those of `votes` that have the share ALIKE of a sketch; at most so many."""
    return [number for number in islice(votes, most) if votes[number] >= ALIKE]


def _mixed(one: Sequence[Unit], other: Sequence[Unit]) -> list[Unit]:
    """Return examples of both, as many of each as there is room for."""
    pairs = zip_longest(one, other)
    return [unit for pair in pairs for unit in pair if unit is not None][:EXAMPLES]


def _ends(cluster: Cluster) -> tuple[str, str]:
    return cluster.template.parts[0], cluster.template.parts[-1]


def _first(clusters: Sequence[Cluster], text: str) -> Cluster | None:
    """Return that one of the clusters which makes a text, with the most fixed text of several: others are more general."""
    return next((one for one in sorted(clusters, key=_openness) if one.takes(text)), None)


def _openness(cluster: Cluster) -> int:
    return -cluster.template.fixed_bytes


def _rows(units: Iterable[Unit]) -> list[tuple[str, str]]:
    return [(unit.user, unit.text) for unit in units]
