"""`manage.py verify_audit`: checks the whole record."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.verification import verify


class Command(BaseCommand):
    help = (
        "Check the whole record: chain, seals, tree and signed heads, and every table beside the ledger; name the first "
        "bad record and what is wrong."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--jobs", type=int, default=1, help="processes that share the work (1)")

    def handle(self, *_args: Any, **options: Any) -> None:
        begun = time.monotonic()
        shown = begun

        def progress(count: int) -> None:
            nonlocal shown
            if options["verbosity"] > 1 and time.monotonic() - shown > 1:
                shown = time.monotonic()
                self.stderr.write(f"{count} entries so far")

        found = verify(jobs=options["jobs"], progress=progress)
        rate = found.entries / max(time.monotonic() - begun, 1e-9)
        if found.problem is not None:
            raise CommandError(f"{found.problem}. {found.entries} entries were checked before.")
        self.stdout.write(
            f"{found.entries} entries are good ({rate:,.0f} a second); a signed head covers {found.sealed} of them."
        )
