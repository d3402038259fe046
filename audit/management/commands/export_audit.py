"""`manage.py export_audit`: a part of the record with its proofs and a signature."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit import access, selectors
from audit.errors import AuditError
from audit.exports import bundle


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
        entries = bundle.Entry.objects.all() if options["all"] else bundle.spoken()
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
        if options["out"].exists():
            raise CommandError(f"{options['out']} exists already: choose another name.")
        try:
            access.log_access(
                options["by"], "exported", options["reason"], form=options["format"], file=options["out"].name,
                user=options["user"], conversations=options["conversation"],
            )  # fmt: skip
            data = bundle.export(entries, options["format"], f"Record of {options['user'] or 'AURA'}")
        except AuditError as error:
            raise CommandError(f"{error}.") from None
        options["out"].write_bytes(data)
        self.stdout.write(f"{options['out']}: {len(data):,} bytes. Check it with verify_export.py, which is inside.")
