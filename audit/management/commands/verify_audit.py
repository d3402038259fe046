"""`manage.py verify_audit`: checks the whole record."""

import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from audit import immutability
from audit.verification import verify


class Command(BaseCommand):
    help = (
        "Check the whole record: chain, seals, tree and signed heads, and every table beside the ledger; name the first "
        "bad record and what is wrong."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--jobs", type=int, default=1, help="processes that share the work (1)")
        parser.add_argument(
            "--heads",
            type=Path,
            action="append",
            default=[],
            metavar="PATH",
            help="a file of signed heads that was kept elsewhere, or a folder of them: the record has to fit them too",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        begun = time.monotonic()
        shown = begun

        def progress(count: int) -> None:
            nonlocal shown
            if options["verbosity"] > 1 and time.monotonic() - shown > 1:
                shown = time.monotonic()
                self.stderr.write(f"{count} entries so far")

        try:
            found = verify(jobs=options["jobs"], progress=progress, copies=options["heads"])
        except OSError as error:
            raise CommandError(f"The signed heads cannot be read: {error}") from None
        rate = found.entries / max(time.monotonic() - begun, 1e-9)
        if found.problem is not None:
            raise CommandError(f"{found.problem}. {found.entries} entries were checked before.")
        open_way = immutability.problem(connection)
        if open_way is not None:
            raise CommandError(f"{found.entries} entries are good, but {open_way}.")
        self.stdout.write(
            f"{found.entries} entries are good ({rate:,.0f} a second); a signed head covers {found.sealed} of them."
        )
        if found.outside < found.sealed:
            self.stderr.write(
                f"Of these, {found.sealed - found.outside} are covered by no signed head outside the database: were files of"
                f" {settings.AUDIT_CHECKPOINT_DIR} lost, or does another machine have them? Name copies with --heads."
            )
