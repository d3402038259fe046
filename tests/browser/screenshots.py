"""Takes pictures of every page in both languages and both themes, on a phone and on a desk.

    python -m tests.browser.screenshots FOLDER [--only NAME ...]

A file is called PAGE.LANGUAGE.THEME.SHAPE.png; with `index.html` all are seen beside each other. The server is one of its
own, with models that answer without a model. Says so when a page is wider than the window.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from itertools import product
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from aura_site.launcher import checks
from tests.browser.conftest import ARGUMENTS
from tests.browser.visits import LANGUAGES, SHAPES, THEMES, VISITS, Visit, context, furnish
from tests.live import LiveServer

GALLERY = """<!doctype html><meta charset="utf-8"><title>AURA</title>
<style>body {{ font: 1rem system-ui; background: #888 }} img {{ max-width: 24%; vertical-align: top }}</style>{}
"""


def take(browser: Browser, live: LiveServer, visit: Visit, folder: Path) -> list[str]:
    """Take all the pictures of a page; return their names."""
    names = []
    for language, theme, (shape, size) in product(LANGUAGES, THEMES, SHAPES.items()):
        made = context(browser, live, visit, language, theme, size)
        page = made.new_page()
        visit.go(page, language)
        name = f"{visit.name}.{language}.{theme}.{shape}.png"
        page.screenshot(path=folder / name, full_page=visit.name.startswith(("admin", "docs")))
        names.append(name)
        wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        if wide > 1:
            print(f"{name}: {wide} pixels too wide", file=sys.stderr)
        made.close()
    return names


def main(arguments: Sequence[str] | None = None) -> int:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description="Takes pictures of every page.")
    parser.add_argument("folder", type=Path, help="where to")
    parser.add_argument(
        "--only", nargs="+", default=[visit.name for visit in VISITS], metavar="NAME", help="these pages"
    )
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    program = checks.chromium()
    with tempfile.TemporaryDirectory(prefix="aura-pictures-") as data, sync_playwright() as playwright:
        live = LiveServer(Path(data))
        live.start()
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        try:
            furnish(live)
            taken = [take(browser, live, visit, options.folder) for visit in VISITS if visit.name in options.only]
        finally:
            browser.close()
            live.stop()
    rows = "".join(
        f"<h2>{names[0].split('.')[0]}</h2>" + "".join(f'<img src="{one}">' for one in names) for names in taken
    )
    (options.folder / "index.html").write_text(GALLERY.format(rows))
    print(f"{sum(map(len, taken))} pictures are in {options.folder}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
