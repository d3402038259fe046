"""Rows beside the ledger: every write of one goes onto the ledger with it, in one transaction.

A STATE entry's details are `{"rows": [[table, primary key, digest or null], ...]}`; null is a row that was deleted. What the
text says is for people. Verification folds these entries and compares the result with the tables (audit.verification).
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any
from uuid import UUID

from django.db.models import Model, QuerySet

from audit.journal import journal
from audit.models import Tracked
from audit.records.event import NOWHERE, Event, Json, Kind
from audit.records.state import digest

# Written by the journal itself with every prompt, and checked against the prompts instead.
FOLDED = {("audit_conversation", "updated")}
RECORD_NAME = "aura"

Rows = list[list[str | None]]


def row_digest(row: Model) -> str:
    """Return the digest of a row as it is in memory."""
    table = row._meta.db_table
    values = ((str(f.column), f.value_from_object(row)) for f in row._meta.concrete_fields)
    return digest(table, ((column, value) for column, value in values if (table, column) not in FOLDED))


def described(row: Model) -> list[str | None]:
    """Return the part of a STATE entry that describes a row as it is in memory."""
    return [row._meta.db_table, str(row.pk), row_digest(row)]


def save(row: Tracked, alias: str = "default") -> list[str | None]:
    """Save a row inside a journal's transaction, and return its part of a STATE entry."""
    row.save(using=alias)
    return described(row)


def add(rows: Sequence[Tracked], alias: str = "default") -> Rows:
    """Save new rows of one table inside a journal's transaction, and return their part of a STATE entry."""
    if rows:
        type(rows[0])._default_manager.using(alias).bulk_create(rows)
    return [described(row) for row in rows]


def delete(row: Tracked, alias: str = "default") -> list[str | None]:
    """Delete a row inside a journal's transaction, and return its part of a STATE entry."""
    gone: list[str | None] = [row._meta.db_table, str(row.pk), None]
    row.delete(using=alias)
    return gone


def delete_all(rows: QuerySet[Any]) -> Rows:
    """Delete the rows of a query inside a journal's transaction, and return their part of a STATE entry."""
    table = rows.model._meta.db_table
    gone: Rows = [[table, str(key), None] for key in rows.values_list("pk", flat=True)]
    rows._raw_delete(rows.db)
    return gone


def state(
    rows: Iterable[list[str | None]],
    text: str,
    *,
    actor: str = RECORD_NAME,
    conversation: UUID = NOWHERE,
    meta: Mapping[str, Json] | None = None,
    kind: Kind = Kind.STATE,
) -> Event:
    """Return the entry that says rows were written, and why."""
    listed: list[Json] = [[table, key, value] for table, key, value in rows]
    return system_event(kind, text, actor=actor, conversation=conversation, meta={"rows": listed, **(meta or {})})


def system_event(
    kind: Kind, text: str, *, actor: str, conversation: UUID = NOWHERE, meta: Mapping[str, Json] | None = None
) -> Event:
    """Return an event of the record itself, stamped with the present time."""
    return Event(kind, conversation, NOWHERE, 1, -1, actor, time.time_ns() // 1000, text, meta or {})


def write(work: Callable[[int], list[Event]]) -> list[int]:
    """Run `work` inside a transaction of the journal, and put the events that it returns on the ledger with it.

    `work` is given the number of the newest entry. It runs on the journal's thread and connection; when it raises, nothing
    is written and the exception comes out here. Not to be called inside a transaction of one's own.
    """
    done: Future[list[int]] = journal().submit([], work)
    return done.result()


def keep(
    *rows: Tracked,
    text: str,
    actor: str = RECORD_NAME,
    conversation: UUID = NOWHERE,
    meta: Mapping[str, Json] | None = None,
) -> None:
    """Save rows and put it on the ledger."""
    write(lambda _: [state([save(row) for row in rows], text, actor=actor, conversation=conversation, meta=meta)])


def drop(*rows: Tracked, text: str, actor: str = RECORD_NAME, conversation: UUID = NOWHERE) -> None:
    """Delete rows and put it on the ledger."""
    write(lambda _: [state([delete(row) for row in rows], text, actor=actor, conversation=conversation)])
