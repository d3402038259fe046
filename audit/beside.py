"""Checking the tables beside the ledger: tracked rows by their digests, summaries and times by folding entries anew."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import groupby, repeat
from operator import itemgetter
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import connections

from audit import summaries, tracking
from audit.models import Conversation, Examination, Tracked
from audit.records import summary as pure
from audit.records.chain import Problem, place_of
from audit.records.event import SUMMED, Event, Kind, read_content
from audit.records.words import words_digest
from audit.vault import Vault

Digests = dict[tuple[str, str], str | None]
_BATCH = 2_000


def problem(alias: str, cursor: Any, states: Digests) -> Problem | None:
    """Return the first row beside the ledger that does not fit it, None for none.

    `states` are the digests that the ledger gives, by table and primary key; it is emptied.
    """
    checks: dict[str, Callable[[], Problem | None]] = {
        "the tables beside the ledger": lambda: _tracked(alias, states),
        "audit_conversation": lambda: _times(alias, cursor),
        "audit_summary": lambda: _summaries(alias, cursor),
        "audit_word": lambda: _words(alias, cursor),
    }
    for name, check in checks.items():
        try:
            found = check()
        except (ValueError, TypeError, AttributeError, OverflowError) as error:
            # SQLite holds anything in any column.
            return Problem(0, f"{name} cannot be read, so it was changed: {error}")
        if found is not None:
            return found
    return None


def tracked_models() -> list[type[Tracked]]:
    """Return the models whose rows the ledger speaks of."""
    return [model for model in apps.get_app_config("audit").get_models() if issubclass(model, Tracked)]


def _tracked(alias: str, states: Digests) -> Problem | None:
    for model in tracked_models():
        table = model._meta.db_table
        rows = model._default_manager.using(alias).order_by("pk").iterator(_BATCH)
        for row, as_stored in zip(rows, _as_stored(alias, model), strict=False):
            said = states.pop((table, str(row.pk)), None)
            if said is None:
                return Problem(0, f"row {row.pk} of {table} is not on the ledger")
            if said != tracking.row_digest(row) or not as_stored(row):
                return Problem(0, f"row {row.pk} of {table} was changed")
    for (table, key), said in states.items():
        if said is not None:
            return Problem(0, f"row {key} of {table} is missing")
    return None


def _as_stored(alias: str, model: type[Tracked]) -> Iterator[Callable[[Tracked], bool]]:
    """Yield for each row, by its primary key, a test whether it stands in the table as AURA would write it.

    SQLite has many forms for one value, of which queries know one: a UUID in capitals reads the same, and joins nothing.
    """
    connection = connections[alias]
    if connection.vendor != "sqlite":
        yield from repeat(lambda _row: True)
    fields = model._meta.concrete_fields
    # The sign keeps a value as it is stored; a bare column would be converted as its table declares it.
    columns = ", ".join(f'+"{field.column}"' for field in fields)

    def same(stored: tuple[Any, ...], row: Tracked) -> bool:
        written = (field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields)
        return stored == tuple(bytes(one) if isinstance(one, memoryview) else one for one in written) and not any(
            field.null and value == "" for field, value in zip(fields, stored, strict=True)
        )

    with connection.cursor() as cursor:
        cursor.execute(f'SELECT {columns} FROM {model._meta.db_table} ORDER BY "{model._meta.pk.column}"')
        for stored in _fetched(cursor):
            yield partial(same, stored)


def _times(alias: str, cursor: Any) -> Problem | None:
    """Compare the time of each conversation with that of its newest question."""
    cursor.execute(
        "SELECT e.conversation_id, e.at FROM audit_entry e JOIN (SELECT max(seq) AS newest FROM audit_entry"
        " WHERE kind = 'prompt' GROUP BY conversation_id) n ON n.newest = e.seq"
    )
    asked = {_uuid(who): at for who, at in cursor.fetchall()}
    found = Conversation.objects.using(alias).order_by("pk")
    for row in found.only("id", "created", "updated").iterator(_BATCH):
        at = asked.get(row.pk)
        if row.updated != (row.created if at is None else summaries.moment(at)):
            return Problem(0, f"row {row.pk} of audit_conversation was changed")
    return None


def _summaries(alias: str, cursor: Any) -> Problem | None:
    stored = _stored(cursor)
    row = next(stored, None)
    for expected in _folded(alias, cursor):
        if row is None or row.stream > expected.stream:
            return Problem(0, f"row {expected.stream} of audit_summary is missing")
        if row.stream < expected.stream:
            break
        if row != expected:
            return Problem(0, f"row {expected.stream} of audit_summary was changed")
        row = next(stored, None)
    return Problem(0, f"row {row.stream} of audit_summary is not on the ledger") if row is not None else None


def _words(alias: str, cursor: Any) -> Problem | None:
    """Compare the blinded words of each turn with the digest in its examination."""
    cursor.execute("SELECT stream, word FROM audit_word ORDER BY stream")
    indexed = (
        (_uuid(stream), {word for _, word in rows}) for stream, rows in groupby(_fetched(cursor), key=itemgetter(0))
    )
    found = next(indexed, None)
    examined = Examination.objects.using(alias).order_by("stream").values_list("stream", "digest")
    for stream, digest in examined.iterator(_BATCH):
        words: set[int] = set()
        if found is not None and found[0] == stream:
            words = found[1]
            found = next(indexed, None)
        if words_digest(words) != digest:
            return Problem(0, f"the words of stream {stream} in audit_word were changed")
    return (
        Problem(0, f"the words of stream {found[0]} in audit_word are not on the ledger") if found is not None else None
    )


def _fetched(cursor: Any) -> Iterator[tuple[Any, ...]]:
    while rows := cursor.fetchmany(_BATCH):
        yield from rows


def _stored(cursor: Any) -> Iterator[pure.Summary]:
    columns = ", ".join(summaries.COLUMNS)
    after: list[Any] = []
    condition = ""
    while True:
        cursor.execute(f"SELECT {columns} FROM audit_summary {condition} ORDER BY stream LIMIT {_BATCH}", after)
        rows = cursor.fetchall()
        for stream, conversation, *_ in rows:
            _uuid(stream), _uuid(conversation)
        yield from summaries.read(rows).values()
        if len(rows) < _BATCH:
            return
        after, condition = [rows[-1][0]], "WHERE stream > %s"


def _folded(alias: str, cursor: Any) -> Iterator[pure.Summary]:
    """Yield the summaries that the entries make, in the order of their streams; erased ones have none."""
    keys = Vault(alias)
    kinds = ", ".join(f"'{kind.value}'" for kind in SUMMED)
    after: Any = None
    while True:
        more = "" if after is None else "AND e.stream > %s"
        # The streams of one batch, each with all of its entries.
        cursor.execute(
            f"SELECT DISTINCT e.stream FROM audit_entry e WHERE e.kind IN ({kinds}) {more} ORDER BY e.stream LIMIT {_BATCH}",
            [] if after is None else [after],
        )
        streams = [row[0] for row in cursor.fetchall()]
        if not streams:
            return
        after = streams[-1]
        cursor.execute(
            'SELECT e.stream, e.previous, e.seq, e.kind, e.conversation_id, e.epoch, e."offset", e.subject_id, e.at, c.body'
            " FROM audit_entry e JOIN audit_content c ON c.entry_id = e.seq"
            f" WHERE e.stream >= %s AND e.stream <= %s AND e.kind IN ({kinds}) ORDER BY e.stream, e.seq",
            [streams[0], after],
        )
        for _, rows in groupby(cursor.fetchall(), key=lambda row: row[0]):
            yield _fold(keys, list(rows))


def _fold(keys: Vault, rows: list[tuple[Any, ...]]) -> pure.Summary:
    made: pure.Summary | None = None
    for name, previous, sequence, kind, where, epoch, offset, subject, at, stored in rows:
        stream, conversation = _uuid(name), _uuid(where)
        place = place_of(
            bytes(previous), sequence, kind, conversation.bytes, stream.bytes, epoch, offset, _uuid(subject).bytes, at
        )
        # Seals were checked before; what has no key by now is being erased.
        plain = keys.open(bytes(stored), place)
        _, meta = read_content(plain) if plain is not None else ("", {})
        event = Event(Kind(kind), conversation, stream, 1, 0, "", at, "", meta)
        if made is None:
            made = pure.begin(event)
        pure.apply(made, event)
    assert made is not None
    return made


def _uuid(value: Any) -> UUID:
    """Return the UUID of a column. Raises ValueError for one that is written as AURA does not write it."""
    if isinstance(value, UUID):
        return value
    found = UUID(hex=value)
    if found.hex != value:
        raise ValueError(f"{value!r} is not how a UUID is written here")
    return found
