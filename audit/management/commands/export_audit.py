"""`manage.py export_audit`: a part of the record with its proofs and a signature."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import QuerySet

from audit import access, selectors
from audit.errors import AuditError
from audit.exports import bundle
from audit.models import Entry


class Command(BaseCommand):
    help = "Write a part of the record to a ZIP with proofs, signature and the program that checks them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("out", type=Path, help="the file to write; it must not exist")
        parser.add_argument("--format", choices=sorted(bundle.FORMATS), default="jsonl")
        parser.add_argument("--conversation", type=UUID, action="append", default=[])
        parser.add_argument("--user", default="", help="everything that this user said and was answered")
        parser.add_argument("--since", type=datetime.fromisoformat, help="a date or time (UTC)")
        parser.add_argument("--until", type=datetime.fromisoformat, help="a date or time (UTC), not included")
        parser.add_argument(
            "--all", action="store_true", help="entries of the record itself too: changes, accesses, erasures"
        )
        parser.add_argument("--reason", required=True, help="why; it goes on the record")
        parser.add_argument("--by", default="command line", help="who; it goes on the record")

    def handle(self, *_args: Any, **options: Any) -> None:
        entries = Entry.objects.all() if options["all"] else bundle.spoken()
        if options["conversation"]:
            entries = entries.filter(conversation__in=options["conversation"])
        if options["user"]:
            subject = selectors.subject_named(options["user"])
            if subject is None:
                raise CommandError(f"Nothing of {options['user']} is on the record.")
            entries = entries.filter(subject=subject)
        for name, lookup in (("since", "at__gte"), ("until", "at__lt")):
            if options[name] is not None:
                moment = options[name] if options[name].tzinfo else options[name].replace(tzinfo=UTC)
                entries = entries.filter(**{lookup: int(moment.timestamp() * 1_000_000)})
        try:
            # Its owner's alone, and there before anything is called exported.
            descriptor = os.open(options["out"], os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise CommandError(f"{options['out']} exists already: choose another name.") from None
        try:
            with os.fdopen(descriptor, "wb") as out:
                size = out.write(self._exported(entries, options))
        except BaseException:
            options["out"].unlink()
            raise
        self.stdout.write(f"{options['out']}: {size:,} bytes. Check it with verify_export.py, which is inside.")

    def _exported(self, entries: QuerySet[Entry], options: dict[str, Any]) -> bytes:
        try:
            access.log_access(
                options["by"], "exported", options["reason"], form=options["format"], file=options["out"].name,
                user=options["user"], conversations=options["conversation"],
            )  # fmt: skip
            return bundle.export(entries, options["format"], f"Record of {options['user'] or 'AURA'}")
        except AuditError as error:
            raise CommandError(f"{error}.") from None
