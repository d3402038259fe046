"""Triggers that keep the tables of the record append-only, for SQLite and PostgreSQL.

SQLite lets INSERT OR REPLACE past triggers against UPDATE and DELETE, so an insert over an existing row is refused too.
"""

from typing import Any

TABLES = {"audit_entry": "seq", "audit_content": "entry_id"}
_REFUSAL = "the record is append-only"


def install(connection: Any) -> None:
    """Create the triggers on a Django database connection."""
    remove(connection)
    with connection.cursor() as cursor:
        for statement in _statements(connection.vendor):
            cursor.execute(statement)


def remove(connection: Any) -> None:
    """Drop the triggers. For migrations backwards, and for test databases that are emptied between tests."""
    with connection.cursor() as cursor:
        for table in TABLES:
            for event in ("update", "delete", "replace"):
                on = f" ON {table}" if connection.vendor == "postgresql" else ""
                cursor.execute(f"DROP TRIGGER IF EXISTS {table}_no_{event}{on}")


def _statements(vendor: str) -> list[str]:
    if vendor == "sqlite":
        return [
            _sqlite(table, event, key) for table, key in TABLES.items() for event in ("update", "delete", "replace")
        ]
    if vendor == "postgresql":
        function = (
            "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$"
        )
        return [function] + [
            f"CREATE TRIGGER {table}_no_{event} BEFORE {command} ON {table} "
            f"FOR EACH {scope} EXECUTE FUNCTION audit_refuse()"
            for table in TABLES
            for event, command, scope in (
                ("update", "UPDATE", "ROW"),
                ("delete", "DELETE", "ROW"),
                ("replace", "TRUNCATE", "STATEMENT"),
            )
        ]
    raise NotImplementedError(f"the record needs SQLite or PostgreSQL, not {vendor}")


def _sqlite(table: str, event: str, key: str) -> str:
    command = "INSERT" if event == "replace" else event.upper()
    when = f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {key} = NEW.{key})" if event == "replace" else ""
    body = f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
    return f"CREATE TRIGGER {table}_no_{event} BEFORE {command} ON {table} {when} {body}"
