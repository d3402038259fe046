"""Checking the whole record: ledger, seals, tree and signed heads, and every table beside the ledger."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import connections

from audit import beside, checkpoints, processes
from audit.records.chain import GENESIS, Problem, Row, Verifier
from audit.records.checkpoint import BadCheckpoint, read_head
from audit.records.event import SYSTEM, Kind, read_content
from audit.records.merkle import Range
from audit.records.sealing import SealBroken, content_hash, key_of, unseal
from audit.vault import Vault, signers

BATCH = 10_000
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


@dataclass(slots=True)
class Result:
    """How many entries were checked, how many of them a signed head covers, and the first problem, None for none."""

    entries: int
    sealed: int
    problem: Problem | None


def verify(alias: str = "default", *, jobs: int = 1, progress: Callable[[int], None] | None = None) -> Result:
    """Check the whole record as it is now. `progress` is called with the number of entries checked so far."""
    with snapshot(alias) as cursor:
        cursor.execute("SELECT max(seq) FROM audit_entry")
        count = cursor.fetchone()[0] or 0
        heads, problem = _heads(cursor, count)
        if problem is not None:
            return Result(0, 0, problem)
        sealed = max(heads, default=0)
        tree = Range(keep=checkpoints.KEPT_LEVELS)
        states: Digests = {}
        checked = 0
        for span in _spans(alias, count, sorted(heads), jobs, progress):
            checked += span.checked
            problem = span.problem or _wrong_root(tree, span, heads)
            if problem is not None:
                return Result(checked, sealed, problem)
            tree.kept += span.tree.kept
            tree.join(span.tree)
            states.update(span.states)
        problem = _nodes(cursor, tree, sealed) or beside.problem(alias, cursor, states)
    return Result(checked, sealed, problem)


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
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "SELECT c.body FROM audit_entry e JOIN audit_content c ON c.entry_id = e.seq"
            " WHERE e.kind = %s AND e.kind IN ('state', 'access', 'erasure') ORDER BY e.seq",
            [Kind.ERASURE.value],
        )
        for (stored,) in cursor.fetchall():
            body = bytes(stored)
            try:
                plain = keys.open(body, key_of(body))
                if plain is not None:
                    found.add(read_content(plain)[1])
            except (SealBroken, ValueError, KeyError):
                # The pass over the ledger names what is wrong with this entry.
                continue
    return found


def _heads(cursor: Any, count: int) -> tuple[dict[int, bytes], Problem | None]:
    """Return the roots of all signed heads by their sizes, and what is wrong with one."""
    trusted = [signer.public for signer in signers()]
    roots: dict[int, bytes] = {}
    cursor.execute("SELECT size, note, nodes FROM audit_checkpoint ORDER BY size")
    for size, note, nodes in cursor.fetchall():
        try:
            head = read_head(note, trusted)
            tree = Range.from_bytes(bytes(nodes))
        except (BadCheckpoint, ValueError) as error:
            return {}, Problem(0, f"checkpoint {size} in the database is bad: {error}")
        if head.size != size or tree.end != size or tree.root() != head.root:
            return {}, Problem(0, f"checkpoint {size} in the database was changed")
        roots[size] = head.root
    for note in checkpoints.kept_outside():
        try:
            head = read_head(note, trusted)
        except BadCheckpoint as error:
            return {}, Problem(0, f"a checkpoint in a file is bad: {error}")
        if head.size > count:
            return {}, Problem(
                count + 1, f"entries from here to {head.size} are missing: a signed head in a file covers them"
            )
        if head.size not in roots:
            return {}, Problem(0, f"checkpoint {head.size} is in a file but not in the database")
        if roots[head.size] != head.root:
            return {}, Problem(0, f"two signed heads of {head.size} entries differ")
    if roots and max(roots) > count:
        return {}, Problem(count + 1, f"entries from here to {max(roots)} are missing: a signed head covers them")
    return roots, None


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
        if expected.pop((level, place), None) != bytes(value):
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
        checker = _Checker(alias, Verifier(sequence=begin, previous=_hash_at(cursor, begin)), gone, span.states)
        query = _query(connection.vendor)
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


def _query(vendor: str) -> str:
    """Return the query for the rows of a batch: UUIDs as hexadecimal text from SQLite, as bytes from PostgreSQL."""
    names = ["conversation_id", "stream", "subject_id"]
    conversation, stream, subject = (f"uuid_send(e.{n})" if vendor == "postgresql" else f"e.{n}" for n in names)
    return (
        f'SELECT e.seq, e.kind, {conversation}, {stream}, e.epoch, e."offset", {subject}, e.at, e.content_hash,'
        " e.previous, e.hash, c.body FROM audit_entry e LEFT JOIN audit_content c ON c.entry_id = e.seq"
        " WHERE e.seq > %s AND e.seq <= %s ORDER BY e.seq"
    )


class _Checker:
    """Checks stored rows one after the other."""

    def __init__(self, alias: str, verifier: Verifier, gone: Scopes, states: Digests) -> None:
        self.verifier = verifier
        self._alias = alias
        self._gone = gone
        self._states = states
        self._vault = Vault(alias)
        self._keys: dict[int, bytes] = {}

    def problem(self, stored: tuple[Any, ...]) -> str:
        """Return what is wrong with the next row, empty for nothing."""
        try:
            row = _row(stored)
        except (ValueError, TypeError):
            return "it was changed"
        what = self.verifier.problem(row)
        if what:
            return what
        if stored[11] is None:
            return "" if self._erased(row) else "its content is missing"
        body = stored[11] if type(stored[11]) is bytes else bytes(stored[11])
        if content_hash(body) != row.content:
            return "its content was changed"
        try:
            key = self._keys.get(key_of(body)) or self._key(key_of(body))
            if key is None:
                return "the key of its content is missing"
            plain = unseal(body, key)
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
                self._states[table, key] = value
        except (ValueError, TypeError):
            return "its content cannot be read"
        return ""


def _row(stored: tuple[Any, ...]) -> Row:
    sequence, kind, conversation, stream, epoch, offset, subject, at, content, previous, own, _ = stored
    if type(stream) is str:
        unhex = bytes.fromhex
        return Row(
            sequence,
            kind,
            unhex(conversation),
            unhex(stream),
            epoch,
            offset,
            unhex(subject),
            at,
            content,
            previous,
            own,
        )
    return Row(
        sequence, kind, bytes(conversation), bytes(stream), epoch, offset, bytes(subject), at,
        bytes(content), bytes(previous), bytes(own),
    )  # fmt: skip
