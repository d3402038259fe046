"""The miner: takes answers one after the other, in linear time and bounded memory, and gives templates."""

import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from compression.codec.template import Template
from compression.discovery.clusters import LEAST, Unit
from compression.discovery.level import DEFAULT_LIMITS, LevelMiner, Limits
from compression.discovery.personal import Personal, conservative
from compression.discovery.tokens import sentences, sentences_of

FORMAT: Final = "aura.miner/4"
#: Messages whose sentences are mined at a time.
BATCH: Final = 1_000
#: A sentence is found by pairs of tokens, a message by triples.
GRAM_SIZES: Final = {"message": 3, "sentence": 2}


class Level(StrEnum):
    """What a template makes: whole messages, or sentences as streams send them."""

    MESSAGE = "message"
    SENTENCE = "sentence"


@dataclass(frozen=True, slots=True)
class Found:
    """A template that was found: its parts, what it makes, how often, with at least how many users, and examples."""

    parts: tuple[str, ...]
    level: Level
    count: int
    users: int
    examples: tuple[str, ...]


class Miner:
    """Finds the templates of answers. `k` is how many distinct users a text must have come from to be fixed text.

    `add` takes answers in batches, of about a thousand for best results; `found` gives the templates at any time.
    `state` and `from_state` carry it over to another process.
    """

    def __init__(
        self,
        k: int = 5,
        personal: Personal = conservative,
        *,
        levels: Iterable[Level] = tuple(Level),
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        if k < 2:
            raise ValueError("Text of a single user must never become a template: k is at least 2.")
        self.k: Final = k
        self.limits: Final = limits
        self.added = 0
        self._levels = {level: LevelMiner(GRAM_SIZES[level], k, personal, limits) for level in sorted(levels)}

    def add(self, answers: Sequence[tuple[str, str]]) -> None:
        """Mine a batch of answers: pairs of a user's pseudonym and a text."""
        self.added += len(answers)
        units = [Unit(user, text) for user, text in answers if len(text) <= self.limits.text]
        if Level.MESSAGE in self._levels:
            units = self._levels[Level.MESSAGE].add(units)
        self._add_sentences(units)

    def finish(self) -> None:
        """Decide on all that still waits. The miner can go on afterwards."""
        if Level.MESSAGE in self._levels:
            self._add_sentences(self._levels[Level.MESSAGE].finish())
        if Level.SENTENCE in self._levels:
            self._levels[Level.SENTENCE].finish()

    def _add_sentences(self, units: Sequence[Unit]) -> None:
        """Mine the sentences of messages without a template; those of a template are cut from it."""
        if Level.SENTENCE in self._levels:
            for start in range(0, len(units), BATCH):
                some = units[start : start + BATCH]
                pieces = (Unit(unit.user, piece) for unit in some for piece in sentences(unit.text))
                self._levels[Level.SENTENCE].add([unit for unit in pieces if len(unit.text) >= LEAST])

    def found(self) -> list[Found]:
        """Return the templates found so far, the most frequent first, without two that are the same."""
        found: dict[tuple[str, ...], Found] = {}
        for one in sorted(self._all(), key=lambda one: (-one.count, one.parts)):
            found.setdefault(one.parts, one)
        return list(found.values())

    def _all(self) -> Iterator[Found]:
        for level, mined in self._levels.items():
            for cluster in mined.clusters.values():
                examples = tuple(unit.text for unit in cluster.examples)
                users = max(cluster.users.bit_count(), len({unit.user for unit in cluster.examples}))
                whole = Found(cluster.template.parts, level, cluster.count, users, examples)
                yield whole
                if level is Level.MESSAGE and Level.SENTENCE in self._levels:
                    yield from _sentences(whole)

    def nearest(self, text: str) -> int | None:
        """Return the number of the template that makes a message, or of the one it is most similar to; None for neither."""
        return self._levels[Level.MESSAGE].nearest(text)

    @property
    def size(self) -> int:
        """How many entries of all kinds the miner holds; bounded by its limits."""
        return sum(level.size for level in self._levels.values())

    @property
    def work(self) -> int:
        """How many alignments were made so far: the costly part of mining."""
        return sum(level.alignments for level in self._levels.values())

    def state(self) -> bytes:
        """Return all that the miner knows. It holds texts and pseudonyms: keep it as the samples are kept."""
        levels = {level: mined.state() for level, mined in self._levels.items()}
        document = {"format": FORMAT, "k": self.k, "added": self.added, "levels": levels}
        return zlib.compress(json.dumps(document).encode("utf-8", "surrogatepass"), 1)

    @classmethod
    def from_state(cls, state: bytes, personal: Personal = conservative, limits: Limits = DEFAULT_LIMITS) -> "Miner":
        """Return the miner whose `state` it was. Raises ValueError for what is no state of this version."""
        try:
            document = json.loads(zlib.decompress(state))
        except zlib.error as error:
            raise ValueError("The state of a miner cannot be read.") from error
        if document["format"] != FORMAT:
            raise ValueError("The state comes from another version of the miner.")
        miner = cls(document["k"], personal, levels=map(Level, document["levels"]), limits=limits)
        miner.added = document["added"]
        for level, mined in document["levels"].items():
            miner._levels[Level(level)].restore(mined)
        return miner


def _sentences(whole: Found) -> Iterator[Found]:
    """Yield the sentences of a message template as templates: as frequent as it is, and with the same users."""
    matched = [(text, Template(0, whole.parts).match(text)) for text in whole.examples]
    number = 0
    for parts in sentences_of(whole.parts):
        mine = slice(number, number + len(parts) - 1)
        number += len(parts) - 1
        if sum(len(part.strip()) for part in parts) < LEAST:
            continue
        template = Template(0, parts)
        examples = tuple(template.fill(slots[mine]) for _, slots in matched if slots is not None)
        yield Found(parts, Level.SENTENCE, whole.count, whole.users, examples)
