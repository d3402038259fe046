"""Examines turns once they have ended: flags by the rules, words for search. Off the path of the answer.

The journal offers every stream that ends; a thread takes them, many at a time, and puts what it finds on the record. What a
killed process leaves, `examine_pending` finds (a Celery task runs it). Names take a model and milliseconds a turn, so
`search_pending` looks for them apart, in a Celery worker and only where AURA_EXAMINE_NAMES says so.
"""

import atexit
import logging
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, connections
from django.utils import timezone

from audit import guard, names, selectors, tracking, vault
from audit.models import Conversation, Examination, Flag, NameSearch, Review, Rule, Subject, Summary
from audit.records import personal
from audit.records.event import Event, Kind
from audit.records.names import KIND
from audit.records.rules import BUILT_IN, Hit, RuleSpec, examine
from audit.records.words import blind, words_digest, words_of

log = logging.getLogger(__name__)

# Streams that may wait for the thread; further ones are left to `examine_pending`.
QUEUE_LIMIT = 10_000
BATCH = 50
# Seconds to wait for more when a stream has ended: one visit to the database for many costs a fraction of one for each.
PAUSE = 1.0
# Rest for every second of work, the journal's for it included: who reads an answer waits meanwhile for the interpreter, and
# for the journal. A process that cannot keep up with a twentieth of a core leaves turns to `examine_pending`, in a worker.
REST = 19
# Turns whose findings are one transaction, and words of theirs, unless one turn alone has more: for each word a page of an
# index is written, some 10 us, and the journal is taken meanwhile.
TOGETHER, WORDS = 10, 1_000
# Seconds that a process which ends still examines; a worker does the rest.
CLOSING = 2.0
# What the flags of names are called.
RULE = "names"


class Examiner:
    """The thread that examines what this process records."""

    def __init__(self) -> None:
        self._streams: deque[UUID] = deque(maxlen=QUEUE_LIMIT)
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closing = False
        self._until = 0.0

    def offer(self, streams: Iterable[UUID]) -> None:
        """Have streams that ended examined soon. Returns at once."""
        if not settings.AUDIT_EXAMINE:
            return
        with self._wake:
            self._streams.extend(streams)
            if self._streams and self._thread is None and not self._closing:
                self._thread = threading.Thread(target=self._run, name="examiner", daemon=True)
                self._thread.start()
            self._wake.notify()

    def close(self) -> None:
        """Examine what waits, for CLOSING seconds at most, then end the thread."""
        with self._wake:
            self._closing = True
            self._until = time.monotonic() + CLOSING
            self._wake.notify()
            thread = self._thread
        if thread is not None:
            thread.join()
        with self._wake:
            self._closing, self._thread = False, None

    def _run(self) -> None:
        try:
            while some := self._take():
                begun = time.thread_time()
                try:
                    for taken in _examine(some):
                        if not self._rest(time.thread_time() - begun + taken):
                            return
                        begun = time.thread_time()
                except Exception:
                    log.exception("%d turns could not be examined now", len(some))
                    # Nor is a database that is away asked for longer than CLOSING.
                    if not self._rest(time.thread_time() - begun):
                        return
        finally:
            connections.close_all()

    def _take(self) -> list[UUID]:
        """Return the streams to be examined next, waiting for some; none when it is closed."""
        with self._wake:
            while not self._streams and not self._closing:
                self._wake.wait()
            self._wake.wait_for(lambda: self._closing or len(self._streams) >= BATCH, PAUSE)
            return [self._streams.popleft() for _ in range(min(BATCH, len(self._streams)))]

    def _rest(self, worked: float) -> bool:
        """Rest from so many seconds of work; return whether there is time for more."""
        with self._wake:
            self._wake.wait_for(lambda: self._closing, REST * worked)
            if not self._closing or time.monotonic() < self._until:
                return True
            if self._streams:
                log.info("%d turns are left to be examined by a worker", len(self._streams))
                self._streams.clear()
            return False


def examine_pending(limit: int = 1000) -> int:
    """Examine turns that have ended and were not examined, at most `limit` of them; return how many."""
    done = Examination.objects.values("stream")
    waiting = Summary.objects.exclude(state="open").exclude(stream__in=done).order_by("at")
    streams = list(waiting.values_list("stream", flat=True)[:limit])
    for first in range(0, len(streams), BATCH):
        examine_streams(streams[first : first + BATCH])
    return len(streams)


def examine_streams(streams: Iterable[UUID]) -> None:
    """Flag turns, index their words, and open reviews for flagged conversations."""
    for _ in _examine(streams):
        pass


def _examine(streams: Iterable[UUID]) -> Iterator[float]:
    """Do as `examine_streams`; yield behind each transaction the seconds that it took the journal."""
    turns = _turns(streams)
    if turns:
        rules, key = rules_in_force(), search_key()
        yield from map(_record, _bundles(_look(turn, rules, key) for turn in turns))


def _bundles(found: Iterable["_Found"]) -> Iterator[Sequence["_Found"]]:
    """Yield what goes into a transaction together."""
    bundle: list[_Found] = []
    size = 0
    for one in found:
        if bundle and (len(bundle) >= TOGETHER or size + len(one.words) > WORDS):
            yield bundle
            bundle, size = [], 0
        bundle.append(one)
        size += len(one.words)
    if bundle:
        yield bundle


def _record(found: Sequence["_Found"]) -> float:
    """Write what was found, unless it was written or erased meanwhile; return the seconds from begin to commit."""
    names = [one.stream for one in found]
    begun = 0.0

    def work(_head: int) -> list[Event]:
        nonlocal begun
        begun = time.monotonic()
        examined = set(Examination.objects.filter(stream__in=names).values_list("stream", flat=True))
        present = set(Summary.objects.filter(stream__in=names).values_list("stream", flat=True))
        # The others were examined by another process, or erased, meanwhile.
        rows = _keep([one for one in found if one.stream not in examined and one.stream in present])
        return [tracking.state(rows, "turns were examined")] if rows else []

    tracking.write(work)
    return time.monotonic() - begun


def search_pending(limit: int = 500) -> int:
    """Flag names in turns that have ended and were not searched for them, the newest first; return how many turns."""
    done = NameSearch.objects.values("stream")
    waiting = Summary.objects.exclude(state="open").exclude(stream__in=done).order_by("-at")
    streams = list(waiting.values_list("stream", flat=True)[:limit])
    for first in range(0, len(streams), BATCH):
        search_streams(streams[first : first + BATCH])
    return len(streams)


def search_streams(streams: Sequence[UUID]) -> None:
    """Flag names in turns, and open reviews for their conversations."""
    found = [_Found(turn.stream, turn.conversation, _names(turn), set()) for turn in _turns(streams)]

    def work(_head: int) -> list[Event]:
        searched = set(NameSearch.objects.filter(stream__in=streams).values_list("stream", flat=True))
        present = set(Summary.objects.filter(stream__in=streams).values_list("stream", flat=True))
        fresh = [one for one in found if one.stream in present - searched]
        now = timezone.now()
        rows = tracking.add(
            [NameSearch(stream=one.stream, conversation_id=one.conversation, at=now) for one in fresh]
        ) + _flag_all(fresh, now)
        return [tracking.state(rows, "turns were searched for names")] if rows else []

    tracking.write(work)


def _names(turn: "_Turn") -> list[Hit]:
    """Return a hit for each side of a turn on which somebody is named."""
    hits = []
    for side, text in (("prompt", turn.prompt), ("answer", "".join(turn.answer))):
        found = personal.find(text, further=names.finders())
        count = sum(one.kind == KIND for one in found)
        if count:
            hits.append(Hit(RULE, "personal", side, f"{KIND} {count}"))
    return hits


def rules_in_force() -> list[RuleSpec]:
    """Return the built-in rules and those of the table, whose rows come before built-in ones of the same name."""
    rows = list(Rule.objects.all())
    named = {row.name for row in rows}
    own = [RuleSpec(row.name, row.category, row.value) for row in rows if row.enabled]
    return [*(rule for rule in BUILT_IN if rule.name not in named), *own]


def search_key() -> bytes | None:
    """Return the key that blinds words, None before anything was recorded."""
    record = Subject.objects.filter(pk=vault.RECORD).first()
    owner = vault.vault().owner(record, vault.SEARCH) if record is not None else None
    return owner.key if owner is not None else None


@dataclass(slots=True)
class _Turn:
    stream: UUID
    conversation: UUID
    prompt: str = ""
    answer: list[str] = field(default_factory=list)
    cost: int = 0


@dataclass(frozen=True, slots=True)
class _Found:
    stream: UUID
    conversation: UUID
    hits: list[Hit]
    words: set[int]


def _turns(streams: Iterable[UUID]) -> list[_Turn]:
    """Return what was said in those streams that have a prompt."""
    turns: dict[UUID, _Turn] = {}
    for stream, conversation, kind, text, meta in selectors.said_in(streams):
        if kind == Kind.PROMPT:
            turns[stream] = _Turn(stream, conversation, text)
        elif stream in turns and kind == Kind.CHUNK:
            turns[stream].answer.append(text)
        elif stream in turns and kind == Kind.DONE:
            cost = meta.get("cost", 0)
            turns[stream].cost = cost if isinstance(cost, int) else 0
    return list(turns.values())


def _look(turn: _Turn, rules: list[RuleSpec], key: bytes | None) -> _Found:
    answer = "".join(turn.answer)
    words = blind(words_of(turn.prompt) | words_of(answer), key) if key is not None else set()
    wanted = any(rule.category == "injection" for rule in rules)
    hits = examine(rules, turn.prompt, answer, turn.cost, guard.score(turn.prompt) if wanted else None)
    return _Found(turn.stream, turn.conversation, hits, words)


def _keep(found: Sequence[_Found]) -> tracking.Rows:
    """Write what was found, inside a journal's transaction; return the rows."""
    now = timezone.now()
    native = connection.features.has_native_uuid_field
    words: list[tuple[int, Any]] = [
        (word, one.stream if native else one.stream.hex) for one in found for word in one.words
    ]
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO audit_word (word, stream) VALUES (%s, %s) ON CONFLICT DO NOTHING", words)
    rows = tracking.add(
        [
            Examination(stream=one.stream, conversation_id=one.conversation, at=now, digest=words_digest(one.words))
            for one in found
        ]
    )
    return rows + _flag_all(found, now)


def _flag_all(found: Sequence[_Found], now: datetime) -> tracking.Rows:
    rows: tracking.Rows = []
    for one in found:
        if one.hits and Conversation.objects.filter(pk=one.conversation).exists():
            rows += _flag(one, now)
    return rows


def _flag(one: _Found, now: datetime) -> tracking.Rows:
    rows = [
        tracking.save(
            Flag(
                stream=one.stream, conversation_id=one.conversation, side=hit.side, rule=hit.rule, category=hit.category,
                detail=hit.detail, at=now,
            )
        )
        for hit in one.hits
    ]  # fmt: skip
    review = Review.objects.filter(pk=one.conversation).first()
    if review is None:
        rows.append(tracking.save(Review(conversation_id=one.conversation, opened=now, changed=now)))
    elif review.status == Review.CLEARED:
        review.status, review.proposed_by, review.decided_by, review.changed = Review.OPEN, None, None, now
        rows.append(tracking.save(review))
    elif review.proposed_by_id is not None:
        # Who proposed to clear it has not seen this.
        review.proposed_by, review.changed = None, now
        rows.append(tracking.save(review))
    return rows


_examiner = Examiner()
atexit.register(_examiner.close)


def examiner() -> Examiner:
    """Return the examiner of this process."""
    return _examiner
