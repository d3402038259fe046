"""Triggers that keep the ledger append-only, for SQLite and PostgreSQL, and the one way past them: erasure.

SQLite lets INSERT OR REPLACE past triggers against UPDATE and DELETE, so an insert over an existing row is refused too, by
its primary key and by every other unique key. On PostgreSQL the roles that AURA runs as have only INSERT and SELECT on these
tables (manage.py grant_audit); the owner's function `audit_erase_content` deletes content for them.
"""

from collections.abc import Iterable
from hashlib import md5
from typing import Any

# The conditions under which a row of that table stands in the place of a new one.
TABLES = {
    "audit_entry": [
        "seq = NEW.seq",
        "stream = NEW.stream AND \"offset\" = NEW.\"offset\" AND epoch = NEW.epoch AND kind IN ('chunk', 'done', 'fault')"
        " AND NEW.kind IN ('chunk', 'done', 'fault')",
        "stream = NEW.stream AND \"offset\" = 0 AND kind = 'prompt' AND NEW.kind = 'prompt'",
    ],
    "audit_content": ["entry_id = NEW.entry_id"],
    "audit_checkpoint": ["size = NEW.size"],
}
_REFUSAL = "the record is append-only"
_EVENTS = ("update", "delete", "replace")
_CHUNK = 500


def install(connection: Any) -> None:
    """Create the triggers on those of the tables that exist."""
    remove(connection)
    with connection.cursor() as cursor:
        for statement in _statements(connection.vendor, _present(connection, cursor)):
            cursor.execute(statement)


def remove(connection: Any) -> None:
    """Drop the triggers. For migrations, and for test databases that are emptied between tests."""
    with connection.cursor() as cursor:
        for table in _present(connection, cursor):
            for event in _EVENTS:
                on = f" ON {table}" if connection.vendor == "postgresql" else ""
                cursor.execute(f"DROP TRIGGER IF EXISTS {table}_no_{event}{on}")


def problem(connection: Any) -> str | None:
    """Return what keeps the triggers from doing their work: one that is missing, switched off or another one, or one that
    nobody here made; None for nothing."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(
                "SELECT name, sql, tbl_name FROM sqlite_master WHERE type = 'trigger' AND tbl_name LIKE 'audit_%%'", []
            )
            found = {name: (sql, table) for name, sql, table in cursor.fetchall()}
            wanted = {f"{table}_no_{event}": _sqlite(table, event) for table in TABLES for event in _EVENTS}
        else:
            cursor.execute(
                "SELECT t.tgname, CASE WHEN t.tgenabled IN ('O', 'A') THEN md5(p.prosrc) END, c.relname FROM pg_trigger t"
                " JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid"
                " WHERE NOT t.tgisinternal AND c.relname LIKE 'audit\\_%%' AND pg_table_is_visible(c.oid)",
                [],
            )
            found = {name: (source, table) for name, source, table in cursor.fetchall()}
            refusal = md5(_REFUSE.encode(), usedforsecurity=False).hexdigest()
            wanted = {f"{table}_no_{event}": refusal for table in TABLES for event in _EVENTS}
    for name, source in wanted.items():
        if name not in found:
            return f"the trigger {name} is missing: what it guards can be changed"
        if found.pop(name)[0] != source:
            return f"the trigger {name} is not as AURA made it"
    for name, (_source, table) in found.items():
        return f"the table {table} has a trigger {name} that AURA did not make"
    return None


def erase_content(connection: Any, entries: Iterable[int]) -> None:
    """Delete the content of entries, inside the transaction that puts the erasure on the ledger."""
    numbers = list(entries)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT audit_erase_content(%s)", [numbers])
            return
        cursor.execute("DROP TRIGGER IF EXISTS audit_content_no_delete")
        for first in range(0, len(numbers), _CHUNK):
            some = numbers[first : first + _CHUNK]
            cursor.execute(f"DELETE FROM audit_content WHERE entry_id IN ({', '.join(['%s'] * len(some))})", some)
        cursor.execute(_sqlite("audit_content", "delete"))


def _present(connection: Any, cursor: Any) -> list[str]:
    names = set(connection.introspection.table_names(cursor))
    return [table for table in TABLES if table in names]


def _statements(vendor: str, tables: list[str]) -> list[str]:
    if vendor == "sqlite":
        return [_sqlite(table, event) for table in tables for event in _EVENTS]
    if vendor == "postgresql":
        return [*_FUNCTIONS, *(_postgresql(table, event) for table in tables for event in _EVENTS)]
    raise NotImplementedError(f"the record needs SQLite or PostgreSQL, not {vendor}")


def _sqlite(table: str, event: str) -> str:
    command, when = event.upper(), ""
    if event == "replace":
        command = "INSERT"
        exists = " OR ".join(f"EXISTS (SELECT 1 FROM {table} WHERE {condition})" for condition in TABLES[table])
        when = f"WHEN {exists}"
    body = f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
    return f"CREATE TRIGGER {table}_no_{event} BEFORE {command} ON {table} {when} {body}"


_REFUSE = (
    " BEGIN IF TG_OP = 'DELETE' AND TG_TABLE_NAME = 'audit_content' AND current_setting('audit.erasing', true) = 'on' "
    f"THEN RETURN OLD; END IF; RAISE EXCEPTION '{_REFUSAL}'; END "
)
_FUNCTIONS = (
    f"CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $${_REFUSE}$$",
    "CREATE OR REPLACE FUNCTION audit_erase_content(numbers bigint[]) RETURNS void LANGUAGE plpgsql SECURITY DEFINER "
    "SET search_path FROM CURRENT AS $$ BEGIN PERFORM set_config('audit.erasing', 'on', true); "
    "DELETE FROM audit_content WHERE entry_id = ANY(numbers); PERFORM set_config('audit.erasing', 'off', true); END $$",
    "REVOKE ALL ON FUNCTION audit_erase_content(bigint[]) FROM PUBLIC",
)


def _postgresql(table: str, event: str) -> str:
    command, scope = ("TRUNCATE", "STATEMENT") if event == "replace" else (event.upper(), "ROW")
    return f"CREATE TRIGGER {table}_no_{event} BEFORE {command} ON {table} FOR EACH {scope} EXECUTE FUNCTION audit_refuse()"
