"""`manage.py erase_subject`: erases everything of a user from the record, and prints the receipt."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit import erasure, selectors
from audit.errors import AuditError


class Command(BaseCommand):
    help = "Erase everything that a user said and was answered, with their key and their account; print the signed receipt."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", help="name of the user")
        parser.add_argument("--reason", required=True, help="why; it goes on the record, so name nobody")
        parser.add_argument("--by", default="command line", help="who; it goes on the record")
        parser.add_argument("--keep-account", action="store_true", help="the user may go on")
        parser.add_argument("--yes", action="store_true", help="do it; without, only say what would be erased")

    def handle(self, *_args: Any, **options: Any) -> None:
        subject = selectors.subject_named(options["user"])
        if subject is None:
            raise CommandError(f"Nothing of {options['user']} is on the record.")
        if not options["yes"]:
            count = subject.entries.count()
            self.stdout.write(f"{count} entries of {options['user']} would be erased. Say --yes to do it.")
            return
        try:
            receipt = erasure.erase_subject(
                subject, by=options["by"], reason=options["reason"], keep_account=options["keep_account"]
            )
        except AuditError as error:
            raise CommandError(f"{error}.") from None
        self.stdout.write(receipt.note)
        if not erasure.scrub():
            self.stderr.write(
                "The files could not be cleaned now: run this again with AURA stopped, or VACUUM as the owner."
            )
