"""`manage.py upgrade [--without-backup]`: brings the database to this version, after a backup of what is there."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from aura_site import upgrades


class Command(BaseCommand):
    help = "Bring the database to this version; what is there is backed up first. Data of a newer version is refused."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--without-backup", action="store_true", help="when you have made one yourself")

    def handle(self, *_args: Any, without_backup: bool, verbosity: int, **_options: Any) -> None:
        try:
            made = upgrades.upgrade(backup=not without_backup)
        except upgrades.UpgradeError as error:
            raise CommandError(str(error)) from None
        if made is not None:
            self.stdout.write(f"Backup of what was there: {made}")
        if verbosity:
            self.stdout.write("The database is of this version.")
