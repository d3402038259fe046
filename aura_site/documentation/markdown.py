"""Markdown into HTML that needs no inline style and no script. Pure: text in, text out."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from unicodedata import category

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

# What a page in Arabic begins with: the digest of what it was translated from, and what has GitHub set it from the right.
COMMENT = re.compile(r"\A\s*<!--\s*(.*?)\s*-->\s*", re.DOTALL)
FRAME = re.compile(r'\A\s*<div dir="rtl">\s*\n(.*)\n\s*</div>\s*\Z', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Link:
    """Where a link leads: an address, and the language behind it when that is another one."""

    href: str
    language: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and the words up to the next one. `level` 1 is the page itself."""

    level: int
    title: str
    anchor: str
    text: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """A page: its HTML, and its sections in order; the first one is the page's title."""

    html: str
    sections: tuple[Section, ...]

    @property
    def title(self) -> str:
        """The first heading."""
        return self.sections[0].title if self.sections else ""

    @property
    def anchors(self) -> frozenset[str]:
        """What a `#` in an address may name."""
        return frozenset(section.anchor for section in self.sections)


Resolve = Callable[[str], Link | None]


def unframed(text: str) -> str:
    """Return the Markdown of a page without the comment and the frame that are there for GitHub."""
    text = COMMENT.sub("", text)
    framed = FRAME.match(text)
    return framed[1].strip() + "\n" if framed else text


def render(text: str, resolve: Resolve = Link) -> Rendered:
    """Render a page. `resolve` says where a link of the source leads; for None its words stay and the link goes.

    HTML in the source is shown as it is written, and never taken for HTML.
    """
    tokens = parse(text)
    _anchor(tokens)
    _relink(tokens, resolve)
    html = _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {})
    return Rendered(html, tuple(_sections(tokens)))


def parse(text: str) -> list[Token]:
    """Return the tokens of a page's Markdown."""
    return _MARKDOWN.parse(unframed(text))


def plain(token: Token) -> str:
    """Return the words of an inline token."""
    return "".join(child.content if child.type in ("text", "code_inline") else " " * (child.type == "softbreak")
                   for child in token.children or ())  # fmt: skip


def slug(title: str) -> str:
    """Return a heading's anchor, as GitHub makes it."""
    kept = (letter for letter in title.lower() if letter.isalnum() or letter in "-_ " or category(letter)[0] == "M")
    return "".join(kept).replace(" ", "-")


def _anchor(tokens: Sequence[Token]) -> None:
    """Give each heading its id; the second of the same words gets `-1` behind it, and so on."""
    seen: dict[str, int] = {}
    for opening, words in pairwise(tokens):
        if opening.type == "heading_open":
            name = slug(plain(words))
            times = seen.get(name, 0)
            seen[name] = times + 1
            opening.attrSet("id", f"{name}-{times}" if times else name)


def _relink(tokens: Sequence[Token], resolve: Resolve) -> None:
    for token in tokens:
        kept = True
        for child in token.children or ():
            if child.type == "link_open":
                link = resolve(str(child.attrGet("href") or ""))
                kept = link is not None
                if link is None:
                    child.hidden = True
                    continue
                child.attrSet("href", link.href)
                if link.language:
                    child.attrSet("hreflang", link.language)
            elif child.type == "link_close" and not kept:
                child.hidden = True


def _sections(tokens: Sequence[Token]) -> list[Section]:
    found: list[tuple[int, str, str, list[str]]] = []
    heading: Token | None = None
    for token in tokens:
        if token.type == "heading_open":
            heading = token
        elif token.type == "inline" and heading is not None:
            found.append((int(heading.tag[1]), plain(token), str(heading.attrGet("id")), []))
            heading = None
        elif found and token.type == "inline":
            found[-1][3].append(plain(token))
        elif found and token.type == "fence":
            found[-1][3].append(token.content)
    return [Section(level, title, anchor, " ".join(words)) for level, title, anchor, words in found]


class _Renderer(RendererHTML):
    """HTML whose wide parts scroll by themselves, reachable by keyboard; columns are aligned by classes."""

    def table_open(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
        return f'<div class="scroll" {_reached(tokens, index)}><table>'

    def table_close(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
        return "</table></div>\n"

    def th_open(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
        # A heading without words heads nothing.
        return '<th scope="col">' if tokens[index + 1].content else "<td>"

    def th_close(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
        return "</th>" if tokens[index - 1].content else "</td>"

    def td_open(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
        return "<td>"

    def fence(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
        listing = super().fence(tokens, index, options, env)
        return listing.replace("<pre>", f'<pre dir="ltr" {_reached(tokens, index)}>', 1)

    def code_inline(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
        return super().code_inline(tokens, index, options, env).replace("<code>", '<code dir="ltr">', 1)

    def link_open(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
        return "" if tokens[index].hidden else self.renderToken(tokens, index, options, env)

    def link_close(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
        return "" if tokens[index].hidden else self.renderToken(tokens, index, options, env)


def _reached(tokens: Sequence[Token], index: int) -> str:
    """Return what lets one come to a part of a page by key, and be told where: under which heading it stands."""
    before = (place for place in range(index, 0, -1) if tokens[place].type == "heading_close")
    words = next((plain(tokens[place - 1]) for place in before), "")
    return f'tabindex="0" role="group" aria-label="{escapeHtml(words)}"'


_OPTIONS: Any = {"html": False}
_MARKDOWN = MarkdownIt("commonmark", _OPTIONS, renderer_cls=_Renderer).enable("table")
