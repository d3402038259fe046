"""`manage.py backup OUT [--keys FILE]`: a backup of the database and its signed heads, and one of the keys."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from aura_site import backups


class Command(BaseCommand):
    help = "Write the database and the signed heads of the record to one file; AURA may run meanwhile."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("out", type=Path)
        parser.add_argument("--keys", type=Path, metavar="FILE", help="write the keys there; keep them apart")

    def handle(self, *_args: Any, out: Path, keys: Path | None, **_options: Any) -> None:
        try:
            if keys is not None:
                backups.check_out(keys)
            manifest = backups.back_up(out)
            if keys is not None:
                backups.back_up_keys(keys)
        except backups.BackupError as error:
            raise CommandError(str(error)) from None
        size = out.stat().st_size
        self.stdout.write(f"{out}: {manifest['database']}, {len(manifest['files'])} files, {size / 1e6:.1f} MB.")
        if keys is None:
            self.stdout.write("The keys are not in it, and nothing on the record can be read without: --keys FILE.")
        else:
            self.stdout.write(f"{keys}: the keys. Without them nothing on the record can be read: keep them apart.")
