"""`manage.py verify_audit`: checks the whole chain of the record."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit import selectors


class Command(BaseCommand):
    help = "Check every entry of the record against its hash and the hash before it; name the first bad one."

    def handle(self, *_args: Any, **_options: Any) -> None:
        begun = time.monotonic()
        count, problem = selectors.verify_chain()
        rate = count / max(time.monotonic() - begun, 1e-9)
        if problem is not None:
            raise CommandError(f"Entry {problem.sequence} is bad: {problem.what}. {count} entries before it are good.")
        self.stdout.write(f"{count} entries are good ({rate:,.0f} a second).")
