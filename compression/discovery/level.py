"""One level of mining: texts of one kind, the clusters they make, and those that wait for their like."""

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, count, islice
from operator import itemgetter
from typing import Any, Final

from compression.codec.matcher import Matcher
from compression.codec.template import Template
from compression.discovery.clusters import Cluster, Unit, form, merged
from compression.discovery.grams import GramTable, user_bit
from compression.discovery.personal import Personal
from compression.discovery.tokens import tokens

#: N-grams by which a text is found again, and the share of them that has to agree before texts are aligned, or before a
#: text is matched against a template, which costs less.
SKETCH: Final = 12
ALIKE: Final = 0.5
RELATED: Final = 0.25
#: Texts that one attempt at a template looks at.
ATTEMPT: Final = 16
#: Texts kept for one n-gram, newest first.
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
        self._table = GramTable(gram, limits.grams)
        self._pending: dict[int, tuple[Unit, tuple[int, ...]]] = {}
        self._waiting: dict[int, deque[int]] = {}  # n-gram to pending texts
        self._known: dict[int, list[int]] = {}  # n-gram to clusters
        self._failed: Counter[int] = Counter()
        self._numbers = count()
        self._matcher = Matcher(())
        self._fresh = 0

    @property
    def size(self) -> int:
        index = sum(map(len, self._waiting.values())) + sum(map(len, self._known.values()))
        return len(self.clusters) + len(self._pending) + len(self._table) + index

    def add(self, units: Sequence[Unit]) -> list[Unit]:
        """Take texts in, and return those that have waited long enough for their like."""
        missed = []
        for unit in units:
            match = self._matcher.match(unit.text)
            cluster = self.clusters.get(match.template.id) if match is not None else None
            if cluster is not None and len(unit.text) <= 2 * cluster.longest:
                cluster.add(unit, user_bit(unit.user))
            else:
                missed.append((unit, self._table.grams(tokens(unit.text))))
        for unit, grams in missed:
            self._table.count(grams, user_bit(unit.user))
        for unit, grams in missed:
            self._place(unit, grams)
        # Built anew when the index has fallen behind by a tenth, so that building stays linear in the clusters made.
        if 10 * self._fresh > len(self.clusters):
            self._matcher = Matcher(cluster.template for cluster in self.clusters.values())
            self._fresh = 0
        return self._forget()

    def finish(self) -> list[Unit]:
        """Try what waits once more, with all that is known by now, and return what finds no template."""
        waiting, self._pending, self._waiting = self._pending, {}, {}
        for number, (unit, _) in waiting.items():
            self._wait(number, unit, self._sketch(self._table.grams(tokens(unit.text))))
        for number in waiting:
            if number in self._pending:
                unit, sketch = self._pending.pop(number)
                self._failed.clear()
                if not self._settle(unit, sketch):
                    self._pending[number] = (unit, sketch)
        left = [unit for unit, _ in self._pending.values()]
        self._pending, self._waiting = {}, {}
        return left

    def nearest(self, text: str) -> int | None:
        match = self._matcher.match(text)
        if match is not None and match.template.id in self.clusters:
            return match.template.id
        sketch = self._sketch(self._table.grams(tokens(text)))
        shared = self._votes(sketch, self._known)
        return next((number for number in shared if shared[number] >= ALIKE * len(sketch)), None)

    def _place(self, unit: Unit, grams: set[int]) -> None:
        """Put a text into a cluster, an existing one or one that it makes possible; else let it wait."""
        sketch = self._sketch(grams)
        if sketch and not self._settle(unit, sketch):
            self._wait(next(self._numbers), unit, sketch)

    def _sketch(self, grams: set[int]) -> tuple[int, ...]:
        """Return the smallest of the n-grams that several users had: what stands in slots is seldom among them.

        Two texts of one template agree in most of them (MinHash; Broder, 1997).
        """
        frequent = self._table.frequent(grams)
        return tuple(sorted(frequent if len(frequent) * 4 >= len(grams) else grams)[:SKETCH])

    def _settle(self, unit: Unit, sketch: tuple[int, ...]) -> bool:
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
        candidates = list(self._votes(sketch, self._waiting))
        return bool(candidates) and self._try(unit, sketch, candidates)

    def _wait(self, number: int, unit: Unit, sketch: tuple[int, ...]) -> None:
        self._pending[number] = (unit, sketch)
        for gram in sketch:
            self._waiting.setdefault(gram, deque(maxlen=POSTINGS)).append(number)

    def _votes(self, sketch: tuple[int, ...], index: Any) -> dict[int, int]:
        """Return what shares enough n-grams with a sketch and still exists, the most similar first, and how many."""
        votes = Counter(chain.from_iterable(index[gram] for gram in sketch if gram in index))
        waiting = index is self._waiting
        least = max(1, (ALIKE if waiting else RELATED) * len(sketch))
        holder = self._pending if waiting else self.clusters
        enough = [(shared, number) for number, shared in votes.items() if shared >= least and number in holder]
        return {number: shared for shared, number in sorted(enough, key=itemgetter(0), reverse=True)}

    def _try(self, unit: Unit, sketch: tuple[int, ...], candidates: Sequence[int]) -> bool:
        """Make a cluster of a text and those like it, if they have a template."""
        units = [unit, *(self._pending[number][0] for number in islice(candidates, ATTEMPT - 1))]
        if len({one.user for one in units}) < self._k:
            return False
        anchor = sketch[0]
        self._failed[anchor] += 1
        if not rarely(self._failed[anchor]):
            return False
        self.alignments += len(units) - 1
        number = next(self._numbers)
        made = form(units, self._k, self._personal, number)
        if made is None:
            return False
        del self._failed[anchor]
        cluster = Cluster(made[0], made[1], sketch)
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
        for number in list(self._votes(cluster.sketch, self._known))[:3]:
            other = self.clusters[number]
            self.alignments += 1
            both = merged(cluster, other, self._k, self._personal)
            if both is not None:
                del self.clusters[number]
                template, examples = both
                # Examples of as many users as possible come first.
                by_user = {unit.user: unit for unit in reversed(examples)}
                kept = [*by_user.values(), *(unit for unit in examples if by_user[unit.user] is not unit)][:16]
                joined = Cluster(template, kept, cluster.sketch)
                joined.count, joined.users = cluster.count + other.count, cluster.users | other.users
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
            "table": self._table.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.alignments = state["alignments"]
        self._numbers = count(state["next"])
        self._table.restore(state["table"])
        for number, parts, examples, sketch, counted, users, refused, began in state["clusters"]:
            units = [Unit(user, text) for user, text in examples]
            self.clusters[number] = Cluster(
                Template(number, tuple(parts)), units, tuple(sketch), counted, users, refused, began
            )
        self._index_clusters()
        for number, user, text, sketch in state["pending"]:
            self._wait(number, Unit(user, text), tuple(sketch))


def rarely(times: int) -> bool:
    """Return whether what failed so many times may be tried again: at its 1st, 2nd, 4th, 8th ... time."""
    return not times & (times - 1)


def _rows(units: Iterable[Unit]) -> list[tuple[str, str]]:
    return [(unit.user, unit.text) for unit in units]
