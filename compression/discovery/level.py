"""One level of mining: texts of one kind, the clusters they make, and those that wait for their like."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, count, islice
from operator import itemgetter
from typing import Any, Final

from compression.codec.matcher import Matcher
from compression.codec.template import Template
from compression.discovery.clusters import Cluster, Unit, form, merged, noise
from compression.discovery.grams import user_bit, user_number
from compression.discovery.personal import Personal
from compression.discovery.sketches import WIDE, Sketches
from compression.discovery.tokens import tokens

#: The share of a sketch that has to agree before texts are aligned, or before a text is matched against a template, which
#: costs less.
ALIKE: Final = 0.5
RELATED: Final = 0.25
#: The n-grams of those that make a sketch by which a text is found again.
SKETCH: Final = 12
#: Texts that one attempt at a template looks at.
ATTEMPT: Final = 16
#: The share of a sketch that has to be news beside similar clusters for a text to be looked at as one of another kind.
NEWS: Final = 0.25
#: Clusters that a new one is compared with, the most similar first.
NEAR: Final = 8
#: Texts kept for one n-gram, the newest.
POSTINGS: Final = 48


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
        self._sketches = Sketches(gram, limits.grams)
        self._pending: dict[int, tuple[Unit, tuple[int, ...]]] = {}
        # N-gram to pending texts; a list only where there are several, which is seldom.
        self._waiting: dict[int, int | list[int]] = {}
        self._known: dict[int, list[int]] = {}  # n-gram to clusters
        self._failed: dict[int, int] = {}  # smallest n-gram of a sketch to attempts that came to nothing
        self._numbers = count()
        self._matcher = Matcher(())
        self._fresh = 0

    @property
    def size(self) -> int:
        waiting = sum(len(found) if isinstance(found, list) else 1 for found in self._waiting.values())
        index = waiting + sum(map(len, self._known.values()))
        return len(self.clusters) + len(self._pending) + self._sketches.entries + index

    def add(self, units: Sequence[Unit]) -> list[Unit]:
        """Take texts in, and return those that have waited long enough for their like."""
        missed = []
        for unit in units:
            match = self._matcher.match(unit.text)
            cluster = self.clusters.get(match.template.id) if match is not None else None
            if cluster is not None and len(unit.text) <= 2 * cluster.longest:
                cluster.add(unit, user_bit(unit.user))
            else:
                missed.append(unit)
        users = [user_number(unit.user) for unit in missed]
        for unit, wide in zip(missed, self._sketches.take([tokens(unit.text) for unit in missed], users), strict=True):
            # Put into a cluster, an existing one or one that it makes possible; else it waits.
            if wide and not self._settle(unit, wide):
                self._wait(next(self._numbers), unit, wide[:SKETCH])
        # Built anew when the index has fallen behind by a tenth, so that building stays linear in the clusters made.
        if 10 * self._fresh > len(self.clusters):
            self._matcher = Matcher(cluster.template for cluster in self.clusters.values())
            self._fresh = 0
        return self._forget()

    def finish(self) -> list[Unit]:
        """Try what waits once more, with all that is known by now, and return what finds no template."""
        waiting, self._pending, self._waiting = self._pending, {}, {}
        sketches = self._sketches.take([tokens(unit.text) for unit, _ in waiting.values()])
        for (number, (unit, _)), wide in zip(waiting.items(), sketches, strict=True):
            self._wait(number, unit, wide[:SKETCH])
        self._failed.clear()
        for number, wide in zip(waiting, sketches, strict=True):
            if wide and number in self._pending:
                unit, sketch = self._pending.pop(number)
                if not self._settle(unit, wide):
                    self._pending[number] = (unit, sketch)
        self._consolidate()
        left = [unit for unit, _ in self._pending.values()]
        self._pending, self._waiting = {}, {}
        return left

    def _consolidate(self) -> None:
        """Make the templates tidy: without slots where hardly a text differs, and without those that are noise of others."""
        for cluster in self.clusters.values():
            cluster.settle(self._k, self._personal)
        for cluster in sorted(self.clusters.values(), key=lambda one: one.count, reverse=True):
            if cluster.template.id in self.clusters:
                for number in _alike(self._votes(cluster.sketch, self._known), cluster.sketch, len(self.clusters)):
                    other = self.clusters[number]
                    if other is not cluster and noise(other.template, other.examples, cluster.template):
                        self._absorb(cluster, number)
        self._index_clusters()

    def _absorb(self, cluster: Cluster, number: int) -> None:
        other = self.clusters.pop(number)
        cluster.count, cluster.users = cluster.count + other.count, cluster.users | other.users

    def nearest(self, text: str) -> int | None:
        match = self._matcher.match(text)
        if match is not None and match.template.id in self.clusters:
            return match.template.id
        sketch = self._sketches.take([tokens(text)])[0][:SKETCH]
        shared = self._votes(sketch, self._known)
        return next((number for number in shared if shared[number] >= ALIKE * len(sketch)), None)

    def _settle(self, unit: Unit, wide: tuple[int, ...]) -> bool:
        """Put a text into a cluster; return whether there is one. `wide` are the smallest of its n-grams, and more."""
        sketch = wide[:SKETCH]
        shared = self._votes(sketch, self._known)
        related = list(shared)
        for number in related[:2]:
            if self.clusters[number].takes(unit.text):
                self.clusters[number].add(unit, user_bit(unit.user))
                return True
        for number in related[:2]:
            cluster = self.clusters[number]
            if shared[number] >= ALIKE * len(sketch) and rarely(cluster.refused):
                self.alignments += 1
                if cluster.widen(unit.text):
                    cluster.add(unit, user_bit(unit.user))
                    self._fresh += 1
                    return True
            cluster.refused += 1
        known = [self.clusters[number] for number in _alike(shared, sketch)]
        # What a text brings that none of the known ones has; with little of that it is most likely noise.
        news = frozenset(sketch).difference(*(cluster.wide for cluster in known))
        anchor = min(news) if len(news) > NEWS * len(sketch) else ~known[0].template.id
        return self._try(unit, wide, anchor, known)

    def _wait(self, number: int, unit: Unit, sketch: tuple[int, ...]) -> None:
        self._pending[number] = (unit, sketch)
        for gram in sketch:
            numbers = self._waiting.setdefault(gram, number)
            if isinstance(numbers, list):
                numbers.append(number)
                if len(numbers) == 2 * POSTINGS:
                    del numbers[:POSTINGS]
            elif numbers != number:
                self._waiting[gram] = [numbers, number]

    def _votes(self, sketch: tuple[int, ...], index: Any) -> dict[int, int]:
        """Return what shares enough n-grams with a sketch and still exists, the most similar first, and how many."""
        found = [index[gram] for gram in sketch if gram in index]
        votes = Counter(chain.from_iterable(one if isinstance(one, list) else (one,) for one in found))
        waiting = index is self._waiting
        least = max(1, (ALIKE if waiting else RELATED) * len(sketch))
        holder = self._pending if waiting else self.clusters
        enough = [(shared, number) for number, shared in votes.items() if shared >= least and number in holder]
        return {number: shared for shared, number in sorted(enough, key=itemgetter(0), reverse=True)}

    def _try(self, unit: Unit, wide: tuple[int, ...], anchor: int, known: Sequence[Cluster]) -> bool:
        """Make a cluster of a text and those like it, if they have a template that is news beside the `known` ones."""
        if anchor in self._failed:
            self._failed[anchor] += 1
            if not rarely(self._failed[anchor]):
                return False
        candidates = list(self._votes(wide[:SKETCH], self._waiting))
        units = [unit, *(self._pending[number][0] for number in islice(candidates, ATTEMPT - 1))]
        if len({one.user for one in units}) < self._k:
            return False
        self.alignments += len(units) - 1
        number = next(self._numbers)
        made = form(units, self._k, self._personal, number)
        if made is None or any(noise(*made, cluster.template) for cluster in known):
            self._failed.setdefault(anchor, 1)
            return False
        self._failed.pop(anchor, None)
        cluster = Cluster(made[0], made[1], wide[:SKETCH], wide=frozenset(wide))
        taken = [one for one in candidates if cluster.takes(self._pending[one][0].text)]
        members = [self._pending.pop(one)[0] for one in taken]
        cluster.examples = made[1][:16]
        for member in [unit, *members]:
            cluster.count += 1
            cluster.users |= user_bit(member.user)
        self._insert(self._joined(cluster))
        return True

    def _joined(self, cluster: Cluster) -> Cluster:
        """Return a new cluster, made one with those that turn out to be the same with another constant."""
        for number in _alike(self._votes(cluster.sketch, self._known), cluster.sketch):
            other = self.clusters[number]
            self.alignments += 1
            if noise(other.template, other.examples, cluster.template):
                self._absorb(cluster, number)
                continue
            both = merged(cluster, other, self._k, self._personal)
            if both is not None:
                del self.clusters[number]
                template, examples = both
                # Examples of as many users as possible come first.
                by_user = {unit.user: unit for unit in reversed(examples)}
                kept = [*by_user.values(), *(unit for unit in examples if by_user[unit.user] is not unit)][:16]
                joined = Cluster(template, kept, cluster.sketch)
                joined.count, joined.users = cluster.count + other.count, cluster.users | other.users
                joined.wide = cluster.wide | other.wide if len(other.wide) < 2 * WIDE else cluster.wide
                cluster = joined
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
        gone = [self._pending.pop(number)[0] for number in oldest]
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
        clusters, self.clusters, self._known = self.clusters, {}, {}
        for cluster in clusters.values():
            self._insert(cluster)
        self._matcher = Matcher(cluster.template for cluster in self.clusters.values())
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
                one.refused,
                one.began,
                sorted(one.wide),
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
        for number, parts, examples, sketch, counted, users, refused, began, wide in state["clusters"]:
            units = [Unit(user, text) for user, text in examples]
            self.clusters[number] = Cluster(
                Template(number, tuple(parts)), units, tuple(sketch), counted, users, refused, began, frozenset(wide)
            )
        self._index_clusters()
        for number, user, text, sketch in state["pending"]:
            self._wait(number, Unit(user, text), tuple(sketch))


def rarely(times: int) -> bool:
    """Return whether what failed so many times may be tried again: at its 1st, 2nd, 4th, 8th ... time."""
    return not times & (times - 1)


def _alike(votes: dict[int, int], sketch: tuple[int, ...], most: int = NEAR) -> list[int]:
    """Return those of `votes` that have the share ALIKE of a sketch; at most so many."""
    return [number for number in islice(votes, most) if votes[number] >= ALIKE * len(sketch)]


def _rows(units: Iterable[Unit]) -> list[tuple[str, str]]:
    return [(unit.user, unit.text) for unit in units]
