"""Checking the whole record: ledger, seals, tree and signed heads, and every table beside the ledger."""

import multiprocessing
import struct
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import chain
from pathlib import Path
from typing import Any

from django.db import OperationalError, connections

from audit import beside, checkpoints, processes
from audit.records.chain import GENESIS, Problem, Row, Verifier
from audit.records.checkpoint import BadCheckpoint, read_head
from audit.records.event import SYSTEM, Kind, read_content
from audit.records.merkle import Range
from audit.records.sealing import LOOSE, SealBroken, content_hash, key_of, unseal
from audit.vault import Vault, signers

BATCH = 10_000
_LOOSE = bytes([LOOSE])
_SYSTEM = frozenset(kind.value for kind in SYSTEM)
Digests = dict[tuple[str, str], str | None]


@dataclass(slots=True)
class Scopes:
    """What was erased: subjects and conversations, each with the number of the last entry that it took."""

    subjects: dict[str, int] = field(default_factory=dict)
    conversations: dict[str, int] = field(default_factory=dict)

    def add(self, meta: dict[str, Any]) -> None:
        """Add the scope that the details of an ERASURE entry name."""
        through = int(meta["through"])
        if meta.get("subject"):
            self.subjects[meta["subject"]] = through
        for name in meta.get("conversations", []):
            self.conversations[name] = through

    def covers(self, row: Row) -> bool:
        """Return whether the content of the row was erased."""
        if row.kind in _SYSTEM or not (self.subjects or self.conversations):
            return False
        through = max(self.subjects.get(row.subject.hex(), 0), self.conversations.get(row.conversation.hex(), 0))
        return row.sequence <= through


@dataclass(slots=True)
class Span:
    """What was found in a part of the ledger."""

    problem: Problem | None = None
    checked: int = 0
    tree: Range = field(default_factory=Range)
    heads: dict[int, list[tuple[int, bytes]]] = field(default_factory=dict)
    states: Digests = field(default_factory=dict)
    # Whether an entry is sealed to its place, and the number of the first one that is not, 0 for none.
    placed: bool = False
    loose: int = 0


@dataclass(slots=True)
class Result:
    """How many entries were checked, how many of them a signed head covers, how many a head that stands outside the database
    too, and the first problem, None for none."""

    entries: int
    sealed: int
    outside: int
    problem: Problem | None


def verify(
    alias: str = "default",
    *,
    jobs: int = 1,
    progress: Callable[[int], None] | None = None,
    copies: Sequence[Path] = (),
) -> Result:
    """Check the whole record as it is now. `progress` is called with the number of entries checked so far.

    `copies` are files of signed heads, or folders of such, that were kept elsewhere; the record has to fit them too.
    """
    try:
        return _verify(alias, jobs, progress, copies)
    except OperationalError as error:
        if "decode" not in str(error):
            raise
    # A text in SQLite that is none: read once more, and slowly, to say where.
    with _any_text(alias):
        return _verify(alias, 1, progress, copies)


@contextmanager
def _any_text(alias: str) -> Iterator[None]:
    """Have SQLite give bytes that are no text in another form, instead of refusing them."""
    connection = connections[alias]
    connection.ensure_connection()
    before = connection.connection.text_factory
    connection.connection.text_factory = partial(str, encoding="utf-8", errors="backslashreplace")
    try:
        yield
    finally:
        connection.connection.text_factory = before


def _verify(alias: str, jobs: int, progress: Callable[[int], None] | None, copies: Sequence[Path]) -> Result:
    with snapshot(alias) as cursor:
        count, problem = _bounds(cursor)
        heads, outside, wrong = _heads(cursor, count, copies)
        problem = problem or wrong
        if problem is not None:
            return Result(0, 0, 0, problem)
        sealed = max(heads, default=0)
        tree = Range(keep=checkpoints.KEPT_LEVELS)
        states: Digests = {}
        checked, placed = 0, False
        for span in _spans(alias, count, sorted(heads), jobs, progress):
            checked += span.checked
            problem = (_loose(span.loose) if placed and span.loose else None) or span.problem
            problem = problem or _wrong_root(tree, span, heads)
            if problem is not None:
                return Result(checked, sealed, outside, problem)
            placed = placed or span.placed
            tree.kept += span.tree.kept
            tree.join(span.tree)
            states.update(span.states)
        problem = _nodes(cursor, tree, sealed) or beside.problem(alias, cursor, states)
    return Result(checked, sealed, outside, problem)


def _bounds(cursor: Any) -> tuple[int, Problem | None]:
    """Return the number of the last entry, and what stands outside the numbers that the ledger can have."""
    cursor.execute("SELECT min(seq), max(seq) FROM audit_entry")
    first, last = cursor.fetchone()
    count = last or 0
    if first is not None and first != 1:
        return count, Problem(1, "it is missing") if first > 1 else Problem(0, f"there is an entry of number {first}")
    cursor.execute("SELECT min(entry_id), max(entry_id) FROM audit_content")
    lowest, highest = cursor.fetchone()
    if lowest is not None and (lowest < 1 or highest > count):
        return count, Problem(
            0, f"there is content of an entry {lowest if lowest < 1 else highest}, which does not exist"
        )
    return count, None


def _loose(sequence: int) -> Problem:
    return Problem(sequence, "its content is sealed to no place, as that of no entry is behind the first that is")


@contextmanager
def snapshot(alias: str) -> Iterator[Any]:
    """Give a cursor that sees one state of the database throughout, and holds no writer up."""
    connection = connections[alias]
    own = not connection.in_atomic_block
    begin = "BEGIN" if connection.vendor == "sqlite" else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    with connection.cursor() as cursor:
        if own:
            cursor.execute(begin)
        try:
            yield cursor
        finally:
            if own:
                cursor.execute("ROLLBACK")


def scopes(alias: str) -> Scopes:
    """Return what was erased, by the ERASURE entries."""
    found = Scopes()
    keys = Vault(alias)
    vendor = connections[alias].vendor
    row_of = _ROW_OF[vendor]
    with connections[alias].cursor() as cursor:
        cursor.execute(
            _query(vendor, "e.kind = %s AND e.kind IN ('state', 'access', 'erasure')"),
            [Kind.ERASURE.value],
        )
        for stored in cursor.fetchall():
            try:
                plain = keys.open(bytes(stored[11]), row_of(stored).place)
                if plain is not None:
                    found.add(read_content(plain)[1])
            except (SealBroken, ValueError, TypeError, KeyError, struct.error):
                # The pass over the ledger names what is wrong with this entry.
                continue
    return found


def _heads(cursor: Any, count: int, copies: Sequence[Path]) -> tuple[dict[int, bytes], int, Problem | None]:
    """Return the roots of all signed heads by their sizes, the size of the largest outside the database, and what is wrong
    with one."""
    trusted = [signer.public for signer in signers()]
    roots: dict[int, bytes] = {}
    cursor.execute("SELECT size, note, nodes FROM audit_checkpoint ORDER BY size")
    for size, note, nodes in cursor.fetchall():
        try:
            head = read_head(note, trusted)
            tree = Range.from_bytes(_blob(nodes))
        except (BadCheckpoint, ValueError, TypeError, AttributeError) as error:
            return {}, 0, Problem(0, f"checkpoint {size} in the database is bad: {error}")
        if head.size != size or tree.end != size or tree.root() != head.root:
            return {}, 0, Problem(0, f"checkpoint {size} in the database was changed")
        roots[size] = head.root
    outside = 0
    for note in chain(checkpoints.kept_outside(), checkpoints.read_files(copies)):
        try:
            head = read_head(note, trusted)
        except BadCheckpoint as error:
            return {}, 0, Problem(0, f"a checkpoint in a file is bad: {error}")
        if head.size > count:
            return (
                {},
                0,
                Problem(
                    count + 1, f"entries from here to {head.size} are missing: a signed head in a file covers them"
                ),
            )
        if head.size not in roots:
            return {}, 0, Problem(0, f"checkpoint {head.size} is in a file but not in the database")
        if roots[head.size] != head.root:
            return {}, 0, Problem(0, f"two signed heads of {head.size} entries differ")
        outside = max(outside, head.size)
    if roots and max(roots) > count:
        return {}, 0, Problem(count + 1, f"entries from here to {max(roots)} are missing: a signed head covers them")
    return roots, outside, None


def _wrong_root(tree: Range, span: Span, heads: dict[int, bytes]) -> Problem | None:
    for size, nodes in span.heads.items():
        here = Range(0, tree.nodes)
        here.join(Range(span.tree.begin, nodes))
        if here.root() != heads[size]:
            return Problem(size, "the entries up to here are not those that the signed head covers")
    return None


def _nodes(cursor: Any, tree: Range, sealed: int) -> Problem | None:
    """Compare the nodes that the database keeps with those of the tree."""
    expected = {(level, place): value for level, place, value in tree.kept if (place + 1) << level <= sealed}
    cursor.execute("SELECT level, place, hash FROM audit_node")
    for level, place, value in cursor.fetchall():
        if expected.pop((level, place), None) != _blob(value):
            return Problem(0, f"node {place} of level {level} in the database was changed")
    if expected:
        level, place = min(expected)
        return Problem(0, f"node {place} of level {level} in the database is missing")
    return None


# -- the ledger, in parts ------------------------------------------------------------------------------------------


def _spans(
    alias: str, count: int, sizes: Sequence[int], jobs: int, progress: Callable[[int], None] | None
) -> Iterator[Span]:
    gone = scopes(alias)
    if jobs <= 1 or count < 2 * BATCH:
        yield check_span(alias, 0, count, sizes, gone, progress)
        return
    step = -(-count // jobs)
    bounds = [(begin, min(begin + step, count)) for begin in range(0, count, step)]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        len(bounds), mp_context=context, initializer=processes.begin, initargs=processes.inherited()
    ) as pool:
        parts = [pool.submit(check_span, alias, a, b, _inside(sizes, a, b), gone) for a, b in bounds]
        for part, (_, end) in zip(parts, bounds, strict=True):
            span = part.result()
            if progress is not None:
                progress(end)
            yield span


def _inside(sizes: Sequence[int], begin: int, end: int) -> list[int]:
    return [size for size in sizes if begin < size <= end]


def check_span(
    alias: str,
    begin: int,
    end: int,
    sizes: Sequence[int],
    gone: Scopes,
    progress: Callable[[int], None] | None = None,
) -> Span:
    """Check the entries behind number `begin` up to number `end`; `sizes` are those of the heads among them."""
    connection = connections[alias]
    span = Span(tree=Range(begin, keep=checkpoints.KEPT_LEVELS))
    wanted = frozenset(sizes)
    with connection.cursor() as cursor:
        checker = _Checker(alias, Verifier(sequence=begin, previous=_hash_at(cursor, begin)), gone, span)
        query = _query(connection.vendor, "e.seq > %s AND e.seq <= %s")
        for first in range(begin, end, BATCH):
            cursor.execute(query, [first, min(first + BATCH, end)])
            for stored in cursor.fetchall():
                what = checker.problem(stored)
                if what:
                    span.problem = Problem(stored[0], what)
                    return span
                span.tree.add(checker.verifier.previous)
                span.checked += 1
                if stored[0] in wanted:
                    span.heads[stored[0]] = list(span.tree.nodes)
            if progress is not None:
                progress(span.checked)
    if span.checked != end - begin:
        span.problem = Problem(begin + span.checked + 1, "it is missing")
    return span


def _hash_at(cursor: Any, sequence: int) -> bytes:
    if not sequence:
        return GENESIS
    cursor.execute("SELECT hash FROM audit_entry WHERE seq = %s", [sequence])
    row = cursor.fetchone()
    return bytes(row[0]) if row else GENESIS


def _query(vendor: str, which: str) -> str:
    """Return the query for rows: UUIDs as hexadecimal text from SQLite, as bytes from PostgreSQL."""
    names = ["conversation_id", "stream", "subject_id"]
    conversation, stream, subject = (f"uuid_send(e.{n})" if vendor == "postgresql" else f"e.{n}" for n in names)
    return (
        f'SELECT e.seq, e.kind, {conversation}, {stream}, e.epoch, e."offset", {subject}, e.at, e.content_hash,'
        " e.previous, e.hash, c.body FROM audit_entry e LEFT JOIN audit_content c ON c.entry_id = e.seq"
        f" WHERE {which} ORDER BY e.seq"
    )


def _blob(value: Any) -> bytes:
    """Return the bytes of a column, empty for what SQLite holds there and is none."""
    return bytes(value) if isinstance(value, bytes | memoryview) else b""


class _Checker:
    """Checks stored rows one after the other."""

    def __init__(self, alias: str, verifier: Verifier, gone: Scopes, span: Span) -> None:
        self.verifier = verifier
        self._alias = alias
        self._row_of = _ROW_OF[connections[alias].vendor]
        self._gone = gone
        self._span = span
        self._vault = Vault(alias)
        self._keys: dict[int, bytes] = {}

    def problem(self, stored: tuple[Any, ...]) -> str:
        """Return what is wrong with the next row, empty for nothing."""
        try:
            row = self._row_of(stored)
        except (ValueError, TypeError):
            return "it was changed"
        what = self.verifier.problem(row)
        if what:
            return what
        body = stored[11]
        if body is None:
            return "" if self._erased(row) else "its content is missing"
        return self._wrong_body(row, body if type(body) is bytes else _blob(body))

    def _wrong_body(self, row: Row, body: bytes) -> str:
        """Return what is wrong with the content of a row that is good, empty for nothing."""
        if content_hash(body) != row.content:
            return "its content was changed"
        if body[:1] != _LOOSE:
            self._span.placed = True
        elif self._span.placed:
            return _loose(row.sequence).what
        else:
            self._span.loose = self._span.loose or row.sequence
        try:
            key = self._keys.get(key_of(body)) or self._key(key_of(body))
            if key is None:
                return "the key of its content is missing"
            plain = unseal(body, key, self.verifier.place)
        except SealBroken as error:
            return f"its content cannot be opened: {error}"
        if row.kind in _SYSTEM:
            return self._system(plain)
        return "its content was erased, and is back" if self._gone.covers(row) else ""

    def _key(self, key_id: int) -> bytes | None:
        key = self._vault.key(key_id)
        if key is not None:
            self._keys[key_id] = key
        return key

    def _erased(self, row: Row) -> bool:
        if not self._gone.covers(row):
            # Erased while this runs?
            self._gone = scopes(self._alias)
        return self._gone.covers(row)

    def _system(self, plain: bytes) -> str:
        try:
            _, meta = read_content(plain)
            for table, key, value in meta.get("rows", []):
                self._span.states[table, key] = value
        except (ValueError, TypeError):
            return "its content cannot be read"
        return ""


# Half of the time of a row went into this; the same few come again and again.
@lru_cache(4096)
def _unhex(text: str) -> bytes:
    """Return the bytes of a UUID in SQLite. Raises ValueError for another form of it: queries would not find it."""
    value = bytes.fromhex(text)
    if value.hex() != text:
        raise ValueError("this is not how a UUID is written here")
    return value


def _row_of_sqlite(stored: tuple[Any, ...]) -> Row:
    sequence, kind, conversation, stream, epoch, offset, subject, at, content, previous, own, _ = stored
    return Row(
        sequence, kind, _unhex(conversation), _unhex(stream), epoch, offset, _unhex(subject), at, content, previous, own
    )


def _row_of_postgresql(stored: tuple[Any, ...]) -> Row:
    sequence, kind, conversation, stream, epoch, offset, subject, at, content, previous, own, _ = stored
    return Row(
        sequence, kind, bytes(conversation), bytes(stream), epoch, offset, bytes(subject), at,
        bytes(content), bytes(previous), bytes(own),
    )  # fmt: skip


_ROW_OF = {"sqlite": _row_of_sqlite, "postgresql": _row_of_postgresql}
