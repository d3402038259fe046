"""Keep Arabic pages and their English originals together."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from aura_site.documentation.pages import by_path, note, pages


class Command(BaseCommand):
    help = "Lists the Arabic pages whose English originals have changed, or notes that pages were brought up to date."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="*", type=Path, help="Arabic pages that say again what the English ones say")

    def handle(self, *, files: list[Path], **_options: Any) -> None:
        for file in files:
            page = by_path().get(file.resolve())
            if page is None or page.counterpart is None or page.language == "en":
                raise CommandError(f"{file} is no translation of a page of the documentation.")
            note(page, page.counterpart)
        older = [page for page in pages().values() if page.outdated]
        for page in older:
            self.stdout.write(f"{page.path}: older than {page.counterpart and page.counterpart.path}")
        if not older:
            self.stdout.write("Every Arabic page says what its English original says.")
