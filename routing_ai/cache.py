"""Answers that were given before: exact and near-duplicate questions, each for as long as it is worth keeping."""

import hashlib
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from routing_ai.policy.likeness import form

ENTRIES, BYTES = 5_000, 32 * 1024 * 1024
# An answer that is asked for again lives twice as long each time, up to a day.
LONGEST_S = 86_400.0
# The first life of an answer follows the share of questions that hit: from a quarter of the setting to four times it.
LEAST, MOST = 0.25, 4.0
LOOK = 100  # questions between two looks at the share


@dataclass(frozen=True, slots=True)
class CacheControl:
    """What a request says of the cache (RFC 9111, section 5.2.1)."""

    no_store: bool = False
    no_cache: bool = False
    max_age: float | None = None

    @classmethod
    def parse(cls, header: str) -> "CacheControl":
        """Read a Cache-Control header; what it does not know means nothing."""
        words = {word.strip().lower() for word in header.split(",")}
        age = re.search(r"max-age\s*=\s*(\d{1,9})", header.lower())
        return cls("no-store" in words, "no-cache" in words, float(age[1]) if age else None)


@dataclass(slots=True)
class Cached:
    """An answer, who gave it, and its life."""

    text: str
    model: str
    tier: str
    prompt_tokens: int
    completion_tokens: int
    stored: float
    life: float
    hits: int = 0

    @property
    def size(self) -> int:
        return len(self.text) + 500


class AdaptiveCache:
    """Keeps answers by question; `first_life` in seconds, `clock` gives seconds. Bounded by entries and bytes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._entries: OrderedDict[bytes, Cached] = OrderedDict()
        self._bytes = 0
        self._factor = 1.0
        self._asked = self._found = 0
        self.hits = self.misses = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def hit_rate(self) -> float:
        """The share of questions that were answered from here."""
        return self.hits / (self.hits + self.misses) if self.hits + self.misses else 0.0

    def get(self, key: bytes, control: CacheControl | None = None) -> Cached | None:
        """Return the answer, None when there is none, it is too old, or the request does not want it."""
        control = control or CacheControl()
        if control.no_store or control.no_cache:
            return None
        now, entry = self._clock(), self._entries.get(key)
        if entry is not None and now - entry.stored >= entry.life:
            self._drop(key)
            entry = None
        if entry is not None and control.max_age is not None and now - entry.stored > control.max_age:
            entry = None
        self._count(entry is not None)
        if entry is not None:
            entry.hits += 1
            entry.life = min(LONGEST_S, entry.life * 2)
            self._entries.move_to_end(key)
        return entry

    def put(self, key: bytes, answer: Cached, first_life: float, control: CacheControl | None = None) -> None:
        """Keep an answer, unless the request forbids it."""
        if control is not None and control.no_store:
            return
        self._drop(key)
        answer.stored, answer.life = self._clock(), min(LONGEST_S, first_life * self._factor)
        self._entries[key] = answer
        self._bytes += answer.size
        while self._entries and (len(self._entries) > ENTRIES or self._bytes > BYTES):
            self._drop(next(iter(self._entries)))

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._bytes = 0

    def _drop(self, key: bytes) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= entry.size

    def _count(self, found: bool) -> None:
        self.hits += found
        self.misses += not found
        self._asked += 1
        self._found += found
        if self._asked < LOOK:
            return
        # Where questions come again answers are kept longer, where they never do they are soon gone.
        share = self._found / self._asked
        self._factor = min(MOST, max(LEAST, self._factor * (1.5 if share > 0.1 else 0.75 if share < 0.02 else 1.0)))
        self._asked = self._found = 0


def key_of(scope: str, request: Mapping[str, Any], messages: Sequence[Mapping[str, Any]]) -> bytes:
    """Return the key of a question: of its scope (whose it is), all that shapes its answer, what was said before, and the
    form of what is asked, which near-duplicates share.

    Only what a user asks last counts by its form: in what a tool gave back, or a program says, case and spacing may mean
    something, and so they may in all that stands beside the text of a message.
    """
    *before, last = messages
    if last.get("role") == "user" and isinstance(last.get("content"), str):
        last = {**last, "content": form(last["content"])}
    shape = orjson.dumps([scope, request, before, last], option=orjson.OPT_SORT_KEYS, default=str)
    return hashlib.sha256(shape).digest()


cache = AdaptiveCache()
