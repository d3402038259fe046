"""The pages in AURA's design, as they are served, and the whole site as files."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation

from aura_site.documentation.pages import LANGUAGES, Page, contents, pages

# What the pages need of the folder `static`.
ASSETS = (
    "aura/css/base.css",
    "aura/css/docs.css",
    "aura/docs/search.js",
    "aura/docs/code.js",
    # What colours and copies the listings of the chat does it here, too.
    "aura/chat/highlight.js",
    "aura/chat/clipboard.js",
    "aura/chat/element.js",
    "aura/theme.js",
    "aura/icon.svg",
)
# As the server's, in so far as a page may say it of itself.
POLICY = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'"
START = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>AURA</title>
<link rel="icon" href="assets/aura/icon.svg" type="image/svg+xml">
<meta http-equiv="refresh" content="0; url=en/index.html"></head>
<body><p><a href="en/index.html">English</a> · <a href="ar/index.html" lang="ar" dir="rtl">العربية</a></p></body></html>
"""


def html(page: Page, *, live: bool = True) -> str:
    """Return a page as HTML. `live`: it is served by AURA, so the chat is near."""
    with translation.override(page.language):
        return render_to_string("documentation/page.html", {**_context(page), "live": live, "policy": POLICY})


def _context(page: Page) -> dict[str, Any]:
    rendered = page.rendered()
    other = LANGUAGES[page.language == LANGUAGES[0]]
    opposite = page.counterpart or pages()[other, "index"]
    original = page.counterpart if page.outdated else None
    return {
        "title": rendered.title,
        "content": rendered.html,
        # The table of contents needs none of its own.
        "sections": [section for section in rendered.sections if section.level == 2 and page.name != "index"],
        "home": page.to(pages()[page.language, "index"]),
        "search": f"{page.to(pages()[page.language, 'index']).removesuffix('index.html')}search.json",
        "chapters": [
            (chapter.title, [_entry(page, title, target) for title, target in chapter.entries])
            for chapter in contents(page.language)
        ],
        "opposite": {"language": other, "href": page.to(opposite)},
        "original": original and page.to(original),
    }


def _entry(page: Page, title: str, target: Page) -> dict[str, Any]:
    foreign = target.language if target.language != page.language else ""
    return {"title": title, "href": page.to(target), "current": target == page, "language": foreign}


def index(language: str) -> str:
    """Return what the search looks through: each section with its page, its words and its address, as JSON."""
    found = []
    for page in pages().values():
        if page.language == language and page.name != "index":
            rendered = page.rendered()
            found += [
                [
                    rendered.title,
                    section.title,
                    page.address.partition("/")[2] + (f"#{section.anchor}" if section.level > 1 else ""),
                    section.text,
                ]
                for section in rendered.sections
            ]
    return json.dumps(found, ensure_ascii=False, separators=(",", ":"))


def build(folder: Path) -> int:
    """Write the whole site into a folder that is empty or not there; return how many pages it has.

    It needs no server but one that hands out files, at any address.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty: name another folder, or empty it.")
    for name in ASSETS:
        target = folder / "assets" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(Path(settings.BASE_DIR) / "static" / name, target)
    for page in pages().values():
        target = folder / page.address
        target.parent.mkdir(parents=True, exist_ok=True)
        up = "../" * page.address.count("/")
        target.write_text(
            re.sub(rf'(?<==")/?{settings.STATIC_URL.strip("/")}/', f"{up}assets/", html(page, live=False)),
            encoding="utf-8",
        )
    for language in LANGUAGES:
        (folder / language / "search.json").write_text(index(language), encoding="utf-8")
    (folder / "index.html").write_text(START, encoding="utf-8")
    return len(pages())
