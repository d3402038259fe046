"""Arabic is whole."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import translation

from streaming.strings import chat_strings, console_strings, dataset_strings

PO = Path(settings.LOCALE_PATHS[0]) / "ar" / "LC_MESSAGES" / "django.po"
ENTRY = re.compile(r'^msgid ((?:".*"\n)+)msgstr ((?:".*"\n)+)', re.MULTILINE)
PLACE = re.compile(r"\{\w+\}|%\(\w+\)s|%d|<code>[^<]*</code>")


def entries() -> list[tuple[str, str]]:
    def joined(quoted: str) -> str:
        return "".join(line[1:-1] for line in quoted.strip().split("\n"))

    found = [(joined(a), joined(b)) for a, b in ENTRY.findall(PO.read_text() + "\n")]
    return [(source, target) for source, target in found if source]


def test_the_file_holds_all_that_the_page_says() -> None:
    assert len(entries()) > 150
    said = [*chat_strings().values(), *console_strings().values(), *dataset_strings().values()]
    assert set(said) <= {source for source, _ in entries()}


@pytest.mark.parametrize(("source", "target"), entries(), ids=lambda text: text[:30])
def test_a_text_is_translated_with_its_places(source: str, target: str) -> None:
    assert target
    assert sorted(PLACE.findall(source)) == sorted(PLACE.findall(target))


def test_the_compiled_file_is_that_of_the_source() -> None:
    for strings in (chat_strings, console_strings, dataset_strings):
        english = strings()
        with translation.override("ar"):
            arabic = strings()
        assert {name for name in english if english[name] == arabic[name]} == set()
