"""Arabic is whole."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import translation
from django.utils.translation import trans_real
from django.utils.translation.template import templatize

from aura_site.monitoring.views import strings as dashboard_strings
from streaming.strings import chat_strings, console_strings, dataset_strings

PO = Path(settings.LOCALE_PATHS[0]) / "ar" / "LC_MESSAGES" / "django.po"
ENTRY = re.compile(r'^msgid ((?:".*"\n)+)msgstr ((?:".*"\n)+)', re.MULTILINE)
STRINGS = (chat_strings, console_strings, dataset_strings, dashboard_strings)
APPS = ("aura_site", "audit", "compression", "routing_ai", "streaming")
# What a text is marked by for translation, whatever a module calls it, and how Django hands a template's over.
MARKS = frozenset({"_", "_t", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy"})
MARKED = re.compile(r"gettext\(u?(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')")
PLACE = re.compile(r"\{\w+\}|%\(\w+\)s|%d|<code>[^<]*</code>")


def entries() -> list[tuple[str, str]]:
    def joined(quoted: str) -> str:
        return "".join(line[1:-1] for line in quoted.strip().split("\n"))

    found = [(joined(a), joined(b)) for a, b in ENTRY.findall(PO.read_text() + "\n")]
    return [(source, target) for source, target in found if source]


def test_the_file_holds_all_that_the_page_says() -> None:
    assert len(entries()) > 150
    said = [text for strings in STRINGS for text in strings().values()]
    assert set(said) <= {source for source, _ in entries()}


@pytest.mark.parametrize(("source", "target"), entries(), ids=lambda text: text[:30])
def test_a_text_is_translated_with_its_places(source: str, target: str) -> None:
    assert target
    assert sorted(PLACE.findall(source)) == sorted(PLACE.findall(target))


def test_the_compiled_file_is_that_of_the_source() -> None:
    for strings in STRINGS:
        english = strings()
        with translation.override("ar"):
            arabic = strings()
        assert {name for name in english if english[name] == arabic[name]} == set()
        assert arabic.keys() >= english.keys()


def marked() -> Iterator[tuple[str, str]]:
    """Yield each text that the sources mark for translation, and where."""
    root = Path(settings.BASE_DIR)
    for file in sorted(path for app in APPS for path in (root / app).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            name = getattr(node, "func", None)
            if isinstance(node, ast.Call) and getattr(name, "id", "") in MARKS and node.args:
                text = node.args[0]
                if isinstance(text, ast.Constant) and isinstance(text.value, str):
                    yield str(file.relative_to(root)), text.value
    for file in sorted(path for folder in ("templates", *APPS) for path in (root / folder).rglob("*.html")):
        for quoted in MARKED.findall(templatize(file.read_text(encoding="utf-8"))):
            yield str(file.relative_to(root)), str(ast.literal_eval(quoted))


def test_whatever_is_marked_for_translation_is_translated() -> None:
    """Django's own words count where we have none: its catalogue stands behind ours."""
    found = list(marked())
    assert len(found) > 1000
    known = trans_real.translation("ar")._catalog
    lacking = {(where, text) for where, text in found if text and not (known.get(text) or known.get((text, 0)))}
    assert lacking == set()
