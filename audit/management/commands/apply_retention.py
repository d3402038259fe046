"""`manage.py apply_retention`: erases what the retention policies no longer allow to keep."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from audit import retention


class Command(BaseCommand):
    help = "Erase the content of conversations that the policies in force no longer allow to keep."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say what would be erased")
        parser.add_argument("--by", default="retention", help="who; it goes on the record")

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["dry_run"]:
            for one in retention.due():
                kept = f"; {one.held} are on hold" if one.held else ""
                self.stdout.write(f"{one.policy.name}: {len(one.conversations)} conversations would be erased{kept}.")
            return
        receipts = retention.apply(by=options["by"])
        entries = sum(receipt.entries for receipt in receipts)
        self.stdout.write(f"{entries} entries of {sum(r.conversations for r in receipts)} conversations were erased.")
