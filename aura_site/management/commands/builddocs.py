"""Write the documentation as a site of files."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from aura_site.documentation import site


class Command(BaseCommand):
    help = "Writes the documentation as a site of files that any web server can hand out."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, help="where to; not there yet, or empty")

    def handle(self, *, folder: Path, **_options: Any) -> None:
        try:
            written = site.build(folder)
        except OSError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{written} pages are in {folder}; begin with {folder / 'index.html'}.")
