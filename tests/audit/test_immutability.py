"""The database itself refuses to change the ledger."""

from uuid import UUID, uuid4

import pytest
from django.db import DatabaseError, connection

from audit import selectors
from audit.journal import journal
from audit.records.event import Event, Kind

pytestmark = pytest.mark.django_db(transaction=True)

COPY = 'seq + 100, conversation_id, stream, epoch, "offset", kind, subject_id, at, content_hash, previous, hash'
STATEMENTS = [
    "UPDATE audit_entry SET epoch = 2 WHERE seq = 1",
    "DELETE FROM audit_entry WHERE seq = 1",
    "UPDATE audit_content SET entry_id = 9 WHERE entry_id = 1",
    "DELETE FROM audit_content WHERE entry_id = 1",
    "UPDATE audit_checkpoint SET size = 1",
    "DELETE FROM audit_checkpoint",
]
if connection.vendor == "sqlite":
    STATEMENTS += [
        "INSERT OR REPLACE INTO audit_content (entry_id, body) VALUES (1, '{}')",
        "REPLACE INTO audit_entry SELECT * FROM audit_entry WHERE seq = 1",
        f"INSERT OR REPLACE INTO audit_entry SELECT {COPY} FROM audit_entry WHERE kind = 'chunk'",
        f"INSERT OR REPLACE INTO audit_entry SELECT {COPY} FROM audit_entry WHERE kind = 'prompt'",
        "REPLACE INTO audit_checkpoint SELECT * FROM audit_checkpoint",
        "UPDATE OR REPLACE audit_entry SET seq = 1 WHERE seq = 2",
    ]
else:
    STATEMENTS += ["TRUNCATE audit_content", "TRUNCATE audit_entry CASCADE", "TRUNCATE audit_checkpoint"]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_the_database_refuses_to_change_the_record(statement: str) -> None:
    stream = uuid4()
    kinds = ((Kind.PROMPT, 0), (Kind.CHUNK, 0))
    journal().submit([Event(kind, UUID(int=1), stream, 1, place, "ada", 5, "text") for kind, place in kinds]).result(10)
    journal().close()
    with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
        cursor.execute(statement)
    assert selectors.verify_chain() == (3, None)


@pytest.mark.vendor("postgresql")  # SQLite has no roles
def test_the_role_that_aura_runs_as_can_only_add_and_read() -> None:
    from django.core.management import call_command

    from audit import immutability

    journal().submit([Event(Kind.CHUNK, UUID(int=1), uuid4(), 1, 0, "ada", 5, "text")]).result(10)
    journal().close()
    # Not the triggers are asked here, but the rights.
    immutability.remove(connection)
    with connection.cursor() as cursor:
        cursor.execute("DROP ROLE IF EXISTS aura_app_of_a_test")
        cursor.execute("CREATE ROLE aura_app_of_a_test")
        try:
            call_command("grant_audit", "aura_app_of_a_test")
            cursor.execute("SET ROLE aura_app_of_a_test")
            for table in ("audit_entry", "audit_content", "audit_checkpoint"):
                cursor.execute(f"SELECT count(*) FROM {table}")
                for statement in (
                    f"DELETE FROM {table}",
                    f"TRUNCATE {table}",
                    f"ALTER TABLE {table} DISABLE TRIGGER ALL",
                ):
                    with pytest.raises(DatabaseError, match=r"permission denied|must be owner"):
                        cursor.execute(statement)
            cursor.execute("SELECT audit_erase_content(ARRAY[2]::bigint[])")
            cursor.execute("SELECT count(*) FROM audit_content WHERE entry_id = 2")
            assert cursor.fetchone() == (0,)
        finally:
            cursor.execute("RESET ROLE")
            cursor.execute("DROP OWNED BY aura_app_of_a_test")
            cursor.execute("DROP ROLE aura_app_of_a_test")
