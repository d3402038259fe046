"""`manage.py rotate_keys`: fresh keys of the record."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit import rotation


class Command(BaseCommand):
    help = "Give every subject a fresh key; or, with --master or --signing, make another master or signing key."

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--master", action="store_true", help="the master key that wraps the keys of the subjects")
        which.add_argument("--signing", action="store_true", help="the key that signs heads and exports")

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["master"]:
            self.stdout.write(f"{rotation.rotate_master()} keys were wrapped by the new master key.")
        elif options["signing"]:
            try:
                self.stdout.write(f"Heads are signed by a new key: {rotation.rotate_signing()}")
            except ValueError as error:
                raise CommandError(str(error)) from None
        else:
            self.stdout.write(f"{rotation.rotate_subjects()} subjects have a fresh key for what they say next.")
