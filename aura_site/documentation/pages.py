"""What pages there are, in which language, and how they hang together."""

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path, PurePosixPath

from django.conf import settings
from markdown_it.token import Token

from aura_site.documentation.markdown import COMMENT, Link, Rendered, parse, plain, render

LANGUAGES = ("en", "ar")
DOCS = Path(settings.BASE_DIR) / "docs"
# Files beside the folder `docs` that are pages, too.
BESIDE = {
    ("en", "readme"): "README.md",
    ("ar", "readme"): "README.ar.md",
    ("en", "contributing"): "CONTRIBUTING.md",
    ("en", "changes"): "CHANGELOG.md",
    ("en", "security"): "SECURITY.md",
}
MARK = re.compile(r"translated from ([0-9a-f]{16})")


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the documentation. `name` is its path without language and suffix: `how-to/voice`."""

    language: str
    name: str
    path: Path

    @property
    def address(self) -> str:
        """Where it is, seen from the root of the documentation."""
        return f"{self.language}/{self.name}.html"

    @property
    def counterpart(self) -> "Page | None":
        """The same page in the other language, if there is one."""
        other = LANGUAGES[self.language == LANGUAGES[0]]
        return pages().get((other, self.name))

    def source(self) -> str:
        """Return its Markdown."""
        return self.path.read_text(encoding="utf-8")

    def rendered(self) -> Rendered:
        """Return its HTML and sections; kept until the file changes."""
        return _rendered(self, self.path.stat().st_mtime_ns)

    def to(self, other: "Page") -> str:
        """Return the address of another page, seen from this one."""
        return os.path.relpath(other.address, PurePosixPath(self.address).parent)

    def resolve(self, href: str) -> Link | None:
        """Say where a link of this page's source leads on the site; None for a file that is no page."""
        if re.match(r"[a-z]+:|#", href):
            return Link(href)
        path, sharp, anchor = href.partition("#")
        target = by_path().get((self.path.parent / path).resolve())
        if target is None:
            return None
        return Link(self.to(target) + sharp + anchor, "" if target.language == self.language else target.language)

    def mark(self) -> str:
        """Return the digest of the page this one says it was translated from; empty when it says none."""
        comment = COMMENT.match(self.source())
        found = MARK.search(comment[1]) if comment else None
        return found[1] if found else ""

    @property
    def outdated(self) -> bool:
        """Whether this is a translation of a page that has changed since."""
        if self.language == LANGUAGES[0]:
            return False
        original = self.counterpart
        return original is not None and self.mark() != digest(original.source())


@dataclass(frozen=True, slots=True)
class Chapter:
    """A heading of the table of contents, with the pages under it and what they are called there."""

    title: str
    entries: tuple[tuple[str, Page], ...]


def digest(text: str) -> str:
    """Return what a translation notes of the text that it was made from."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def note(page: Page, original: Page) -> None:
    """Write into a translation that it says what the original says now."""
    mark = f"<!-- translated from {digest(original.source())} -->\n"
    page.path.write_text(mark + COMMENT.sub("", page.source(), count=1), encoding="utf-8")


@cache
def pages() -> Mapping[tuple[str, str], Page]:
    """Return all pages by language and name."""
    found = [Page(language, name, DOCS.parent / file) for (language, name), file in BESIDE.items()]
    for path in sorted(DOCS.rglob("*.md")):
        name = path.relative_to(DOCS).with_suffix("").as_posix()
        arabic = name.startswith("ar/")
        found.append(Page("ar", name[3:], path) if arabic else Page("en", name, path))
    return {(page.language, page.name): page for page in found if page.path.is_file()}


@cache
def by_path() -> Mapping[Path, Page]:
    """Return all pages by their file."""
    return {page.path.resolve(): page for page in pages().values()}


def contents(language: str) -> list[Chapter]:
    """Return the table of contents: the headings and links of the language's page `index`."""
    index = pages()[language, "index"]
    return list(_contents(index, index.path.stat().st_mtime_ns))


@lru_cache(maxsize=8)
def _contents(index: Page, _changed: int) -> tuple[Chapter, ...]:
    chapters: list[tuple[str, list[tuple[str, Page]]]] = []
    heading = False
    for token in parse(index.source()):
        if token.type == "heading_open":
            heading = token.tag == "h2"
        elif token.type == "inline" and heading:
            chapters.append((plain(token), []))
            heading = False
        elif token.type == "inline" and chapters:
            chapters[-1][1].extend(_links(index, token.children or []))
    return tuple(Chapter(title, tuple(entries)) for title, entries in chapters if entries)


def _links(index: Page, children: Sequence[Token]) -> list[tuple[str, Page]]:
    found = []
    for opening, words in pairwise(children):
        if opening.type == "link_open":
            target = by_path().get((index.path.parent / str(opening.attrGet("href"))).resolve())
            if target is not None:
                found.append((words.content, target))
    return found


@lru_cache(maxsize=256)
def _rendered(page: Page, _changed: int) -> Rendered:
    return render(page.source(), page.resolve)
