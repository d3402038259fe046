"""`manage.py grant_audit`: what the role that AURA runs as may do in a PostgreSQL database."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from audit.immutability import TABLES


class Command(BaseCommand):
    help = "Grant a PostgreSQL role what AURA needs, on the ledger INSERT and SELECT only. Run it as the owner."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("role")

    def handle(self, *_args: Any, **options: Any) -> None:
        if connection.vendor != "postgresql":
            raise CommandError("Only PostgreSQL has roles; on SQLite keep the file's folder to AURA's own user.")
        role = connection.ops.quote_name(options["role"])
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [options["role"]])
            if cursor.fetchone() is None:
                raise CommandError(f"There is no role {options['role']}: make it with CREATE ROLE ... LOGIN first.")
            cursor.execute(f"GRANT USAGE ON SCHEMA public TO {role}")
            cursor.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}")
            cursor.execute(f"GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA public TO {role}")
            for table in (*TABLES, "audit_node"):
                cursor.execute(f"REVOKE UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER ON {table} FROM {role}")
            cursor.execute(f"GRANT EXECUTE ON FUNCTION audit_erase_content(bigint[]) TO {role}")
        self.stdout.write(f"{options['role']} may add to the ledger and read it, and nothing more there.")
