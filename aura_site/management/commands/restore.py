"""`manage.py restore FILE [--keys FILE] [--replace]`: puts a backup back, migrates it, and proves the record whole."""

import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from aura_site import backups

# What the proof says of a head that another key signed: mostly those of the backup have not been put back.
_FOREIGN = "no trusted key signed it"
_KEYS = (
    "\nIf its keys are not here: restore it once more with --replace and --keys FILE, which `backup --keys FILE` wrote."
)


class Command(BaseCommand):
    help = "Put a backup in the place of the present database, migrate it, and check the whole record."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--keys", type=Path, metavar="FILE", help="put these keys back too")
        parser.add_argument("--replace", action="store_true", help="where there is a database already")

    def handle(self, *_args: Any, file: Path, keys: Path | None, replace: bool, **_options: Any) -> None:
        try:
            if keys is not None:
                backups.check_keys(keys)
            restored = backups.restore(file, replace=replace)
            before = restored.before + (backups.restore_keys(keys) if keys is not None else [])
        except backups.BackupError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"The backup of {restored.manifest['made']} is in place.")
        for path in before:
            self.stdout.write(f"What was there before: {path}")
        # In processes of their own: this one has read the old keys.
        self._manage("upgrade", "--without-backup", "--verbosity", "0")
        self._manage("verify_audit")

    def _manage(self, *arguments: str) -> None:
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), *arguments]
        done = subprocess.run(command, cwd=settings.BASE_DIR, capture_output=True, text=True, check=False)
        if done.returncode:
            lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
            said = lines[-1].removeprefix("CommandError: ") if lines else "nothing"
            raise CommandError(f"It is in place, but {arguments[0]} says: {said}{_KEYS if _FOREIGN in said else ''}")
        if done.stdout.strip():
            self.stdout.write(done.stdout.strip())
