"""One level of mining: texts of one kind, the clusters they make, and those that wait for their like."""

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, count, islice, zip_longest
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from compression.codec.matcher import MAX_CANDIDATES, Matcher
from compression.codec.template import Template
from compression.discovery.beside import Beside
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
from compression.discovery.grams import ALIKE, POSTINGS, RARE, ROWS, WIDE, user_bit, user_number
from compression.discovery.outline import Change
from compression.discovery.personal import Personal
from compression.discovery.tokens import words

if TYPE_CHECKING:
    from compression.discovery.sketches import Sketches
    from compression.discovery.waiting import Waiting

#: The share of a sketch that has to agree before a text is matched against a template, which costs less than to align texts.
RELATED: Final = 0.25
#: The n-grams of those that make a sketch by which a text is found again.
SKETCH: Final = 12
#: The same in the end, when few texts are left: the more n-grams, the surer it is which texts are alike.
FULL: Final = 24
#: Texts that arrive together.
AT_ONCE: Final = 2_048
#: A user's share of the places for texts that wait is one in so many; what is beyond it goes first when all are taken.
SHARE: Final = 64
#: Texts that one attempt at a template looks at.
ATTEMPT: Final = 16
#: The share of a sketch that has to be news beside similar clusters for a text to be looked at as one of another kind.
NEWS: Final = 0.25
#: Clusters that a new one is compared with, the most similar first.
NEAR: Final = 8
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

Sketch = Sequence[int]


class LevelMiner:
    """The clusters of one level."""

    def __init__(self, gram: int, k: int, personal: Personal, limits: Limits) -> None:
        self.clusters: dict[int, Cluster] = {}
        self.alignments = 0
        self._k = k
        self._personal = personal
        self._limits = limits
        self._sketches = _sketches(gram, limits.grams)
        self._waiting = _waiting()
        self._beside = Beside()
        self._passed: list[Unit] = []  # texts in whose places newer ones of the same user wait
        self._known: dict[int, list[int]] = {}  # n-gram to clusters
        self._failed: dict[int, int] = {}  # smallest n-gram of a sketch to attempts that came to nothing
        self._hasty = True  # whether what failed is tried again seldom
        self._numbers = count()
        self._matcher = Matcher(())
        self._fresh = 0

    @property
    def size(self) -> int:
        index = self._waiting.entries + sum(map(len, self._known.values()))
        return len(self.clusters) + len(self._waiting) + len(self._beside) + self._sketches.entries + index

    def add(self, units: Sequence[Unit]) -> list[Unit]:
        """Take texts in, and return those that have waited long enough for their like."""
        for start in range(0, len(units), AT_ONCE):
            self._take_in(units[start : start + AT_ONCE])
        # Built anew when the index has fallen behind by a tenth, so that building stays linear in the clusters made.
        if 10 * self._fresh > len(self.clusters):
            self._promote()
            self._index_clusters()
        return self._forget()

    def _take_in(self, units: Sequence[Unit]) -> None:
        missed = []
        for unit in units:
            cluster = self._maker(unit.text)
            if cluster is not None:
                cluster.add(unit, user_bit(unit.user))
            else:
                missed.append(unit)
        users = [user_number(unit.user) for unit in missed]
        sketches = self._sketches.take([unit.text for unit in missed], users, most=SKETCH)
        self._arrive(self._strange((next(self._numbers), *row) for row in zip(missed, sketches, strict=True)))

    def _strange(self, texts: Iterable[tuple[int, Unit, Sketch]]) -> list[tuple[int, Unit, Sketch]]:
        """Return those texts, given with their numbers and sketches, that no known cluster takes."""
        return [row for row in texts if row[2] and not self._settled(row[0], row[1], self._votes(row[2]))]

    def _arrive(self, texts: Sequence[tuple[int, Unit, Sketch]]) -> None:
        """Let texts wait, and try those that may have their like among all that waits by then."""
        self._passed += self._waiting.add(texts, self._k - 1)
        for number, unit, sketch in texts:
            if number in self._waiting and self._waiting.hopeful(number):
                shared = self._votes(sketch)
                if self._settled(number, unit, shared) or self._try(number, unit, sketch, shared):
                    self._waiting.pop(number)

    def _maker(self, text: str) -> Cluster | None:
        """Return the cluster that makes a text, as far as the index is up to date, or None."""
        named = islice(self._matcher.candidates(text), MAX_CANDIDATES)
        return _first([self.clusters[one.id] for one in named if one.id in self.clusters], text)

    def _family(self, related: Sequence[Cluster], text: str) -> Cluster | None:
        """Return that one of the clusters which makes a text, or else of their variants."""
        variants = (self.clusters[number] for cluster in related for number in cluster.variants.values())
        return _first(related, text) or _first(variants, text)

    def finish(self) -> list[Unit]:
        """Try what waits once more, with all that is known by now, and return what finds no template."""
        # Few that differ from a template in the same place make nothing now, as they made nothing before.
        again = {
            number: unit for number, unit, place in self._beside.rows() if len(self._beside.under(place)) >= self._k
        }
        for number in again:
            self._beside.pop(number)
        again.update((number, self._waiting[number]) for number in self._waiting)
        self._waiting = _waiting()
        self._failed.clear()
        self._hasty = False
        numbers, strange = sorted(again), []
        for start in range(0, len(numbers), AT_ONCE):
            some = [(number, again[number]) for number in numbers[start : start + AT_ONCE]]
            sketches = self._sketches.take([unit.text for _, unit in some], most=FULL)
            rows = ((*row, array("Q", sketch)) for row, sketch in zip(some, sketches, strict=True))
            strange += self._strange(rows)
        self._arrive(strange)
        self._hasty = True
        self._consolidate()
        left = [*self._passed, *map(self._waiting.pop, list(self._waiting)), *map(self._beside.pop, list(self._beside))]
        self._passed = []
        return left

    def _consolidate(self) -> None:
        """Make the templates tidy: without slots where hardly a text differs, and without those that are noise of others."""
        self._promote()
        own = [cluster for cluster in self.clusters.values() if cluster.parent < 0]
        for cluster in own:
            cluster.settle(self._k, self._personal)
        for cluster in sorted(own, key=lambda one: one.count, reverse=True):
            if cluster.template.id in self.clusters:
                for number in _alike(self._votes(cluster.sketch), len(self.clusters)):
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
        shared = self._votes(self._sketches.take([text], most=SKETCH)[0])
        return next((number for number, share in shared.items() if share >= ALIKE), None)

    def _settled(self, number: int, unit: Unit, shared: dict[int, float]) -> bool:
        """Put a text into a cluster that is known, or beside one that it differs from in a word; return whether it was.

        `shared` are the clusters similar to it.
        """
        if not shared:
            return False
        related = [self.clusters[one] for one in islice(shared, 2)]
        cluster = self._family(related, unit.text)
        if cluster is not None:
            cluster.add(unit, user_bit(unit.user))
            return True
        if shared[related[0].template.id] < ALIKE:
            return False
        self.alignments += 1
        changes = related[0].outline().changes(words(unit.text))
        if not changes:
            return False
        beside = related[0].count < YOUNG and related[0].outline().beside_slots(changes)
        if beside and related[0].widen(unit.text):
            related[0].add(unit, user_bit(unit.user))
            self._fresh += 1
        else:
            self._vary(number, unit, related[0], changes)
        return True

    def _vary(self, number: int, unit: Unit, cluster: Cluster, changes: Sequence[Change]) -> None:
        """Make a variant of a text that is a cluster's but for some words and its like; else it waits as `number`."""
        place = hash((cluster.template.id, *cluster.outline().touched(changes)))
        candidates = self._beside.under(place)
        units = self._company(unit, map(self._beside.__getitem__, candidates))
        enough = len({one.user for one in units}) >= self._k and len(cluster.variants) < VARIANTS
        if enough and place not in cluster.variants and self._may(place):
            self.alignments += 2 * len(units)
            made = variant(cluster, units, self._k, self._personal, next(self._numbers))
            if made is not None:
                found = Cluster(made[0], made[1], cluster.sketch)
                self._take(found, unit, candidates, self._beside)
                self._add_variant(cluster, place, found)
                return
            self._failed.setdefault(place, 1)
        self._passed += self._beside.add(number, unit, place)

    def _may(self, anchor: int) -> bool:
        """Return whether to try once more what `anchor` stands for: if it has failed, seldom."""
        if anchor not in self._failed or not self._hasty:
            return True
        self._failed[anchor] += 1
        return rarely(self._failed[anchor])

    def _take(self, cluster: Cluster, unit: Unit, candidates: Iterable[int], holder: "Waiting | Beside") -> None:
        """Count a text into a new cluster, and of those that wait what it makes; they wait no longer."""
        taken = [one for one in candidates if cluster.takes(holder[one].text)]
        cluster.examples = cluster.examples[:EXAMPLES]
        for member in (unit, *map(holder.pop, taken)):
            cluster.count += 1
            cluster.users |= user_bit(member.user)

    def _company(self, unit: Unit, others: Iterable[Unit]) -> list[Unit]:
        """Return a text and those of `others` that are tried with it, at most ATTEMPT: one of each user, the most
        similar first, then others of theirs. So nobody hides what several have in common by saying much."""
        first, more = {unit.user: unit}, []
        for other in others:
            if first.setdefault(other.user, other) is not other:
                more.append(other)
            elif len(first) == ATTEMPT:
                break
        return [*first.values(), *more][:ATTEMPT]

    def _votes(self, sketch: Sequence[int]) -> dict[int, float]:
        """Return the clusters that share RELATED of a sketch, the most similar first, and the share.

        N-grams that very many have say nothing, and few of those that have them are remembered: they are left out, unless
        there are hardly any others.
        """
        found = [one for one in map(self._known.get, sketch) if one is not None]
        if len(found) < RELATED * len(sketch) or not found:
            return {}
        rare = [one for one in found if len(one) < POSTINGS]
        size = len(sketch) - len(found) + len(rare)
        if size < min(RARE, len(sketch)):
            rare, size = found, len(sketch)
        least = max(1, RELATED * size)
        if len(rare) < least:
            return {}
        votes = Counter(chain.from_iterable(rare))
        enough = [(number, shared) for number, shared in votes.items() if shared >= least and number in self.clusters]
        return {number: shared / size for number, shared in sorted(enough, key=itemgetter(1), reverse=True)}

    def _try(self, number: int, unit: Unit, sketch: Sketch, shared: dict[int, float]) -> bool:
        """Make a cluster of a text that waits and those like it, if they have a template that is news beside known ones.

        `shared` are the clusters similar to it. The text itself stays where it is.
        """
        known = [self.clusters[one] for one in _alike(shared)]
        # What a text brings that none of the known ones has; with little of that it is most likely noise.
        news = frozenset(sketch).difference(*(cluster.wide for cluster in known))
        anchor = min(news) if len(news) > NEWS * len(sketch) else ~known[0].template.id
        if not self._may(anchor):
            return False
        candidates = self._waiting.like(number)
        units = self._company(unit, map(self._waiting.__getitem__, candidates))
        if len({one.user for one in units}) < self._k:
            return False
        self.alignments += len(units) - 1
        made = form(units, self._k, self._personal, next(self._numbers))
        near = [self.clusters[one] for one in islice(shared, NEAR)]
        parent = next((one for one in near if made is not None and contained(made[0], one.template)), None)
        if made is None or (parent is not None and not self._varies(parent, made[1])):
            self._failed.setdefault(anchor, 1)
            return False
        self._failed.pop(anchor, None)
        # A sketch that is not full has all n-grams.
        full = len(sketch) >= (SKETCH if self._hasty else FULL)
        wide = self._sketches.take([unit.text])[0] if full else sketch
        cluster = Cluster(made[0], made[1], tuple(wide[:SKETCH]), wide=frozenset(wide))
        self._take(cluster, unit, candidates, self._waiting)
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
        for number in _alike(self._votes(cluster.sketch)):
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
        gone, self._passed = self._passed, []
        room = min(limits.pending, ROWS - AT_ONCE)
        over = len(self._waiting) + len(self._beside) - room
        for number in self._longest(over, room // SHARE) if over > 0 else ():
            gone.append((self._waiting if number in self._waiting else self._beside).pop(number))
        if len(self._failed) > limits.pending:
            self._failed.clear()
        if len(self.clusters) > limits.clusters:
            rarest = sorted(self.clusters, key=lambda number: self.clusters[number].count)
            for number in rarest[: len(self.clusters) - limits.clusters * 9 // 10]:
                del self.clusters[number]
            self._index_clusters()
        return gone

    def _longest(self, most: int, share: int) -> list[int]:
        """Return the numbers of so many texts that have waited long enough: what users have beyond a `share` of the places,
        then the oldest. So who says very much, each time something else, does not drive out what others said.
        """
        oldest = sorted([*self._waiting, *self._beside])
        beyond = {*self._waiting.beyond(share), *self._beside.beyond(share)}
        if beyond:
            oldest.sort(key=lambda number: number not in beyond)
        return oldest[:most]

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
        sketches = self._waiting.sketches()
        pending = [[number, *_row(self._waiting[number]), sketch] for number, sketch in sketches.items()]
        beside = [[number, *_row(unit), place] for number, unit, place in self._beside.rows()]
        self._numbers = count(last := next(self._numbers))
        return {
            "clusters": clusters,
            "pending": pending,
            "beside": beside,
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
        rows = [(number, Unit(user, text), sketch) for number, user, text, sketch in state["pending"]]
        self._passed += self._waiting.add(rows, self._k - 1)
        for number, user, text, place in state["beside"]:
            self._passed += self._beside.add(number, Unit(user, text), place)


def _waiting() -> "Waiting":
    from compression.discovery.waiting import Waiting

    return Waiting()


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


def _first(clusters: Iterable[Cluster], text: str) -> Cluster | None:
    """Return that one of the clusters which makes a text, with the most fixed text of several: others are more general."""
    best, most = None, -1
    for one in clusters:
        if one.template.fixed_bytes > most and one.takes(text):
            best, most = one, one.template.fixed_bytes
    return best


def _rows(units: Iterable[Unit]) -> list[tuple[str, str]]:
    return [_row(unit) for unit in units]


def _row(unit: Unit) -> tuple[str, str]:
    return unit.user, unit.text
