"""Which pages there are, and how translations and originals stay together."""

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from aura_site.documentation import pages as module
from aura_site.documentation.pages import LANGUAGES, Page, by_path, contents, digest, pages

ARABIC = [page for page in pages().values() if page.language == "ar"]
# For whoever uses or runs AURA; whoever builds on it reads English.
PROMISED = {
    "index", "readme", "tutorial/first-conversation", "how-to/chat", "how-to/voice", "how-to/keep-the-record",
    "how-to/run-on-one-machine", "how-to/erase-on-request", "how-to/promote-a-template", "how-to/openai-client",
    "how-to/choose-a-model", "how-to/troubleshooting", "how-to/configure", "how-to/admin",
}  # fmt: skip


@pytest.fixture
def two_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Page, Page]:
    """An original and its translation, in a folder of their own."""
    (tmp_path / "docs" / "ar").mkdir(parents=True)
    original, translation = tmp_path / "docs" / "one.md", tmp_path / "docs" / "ar" / "one.md"
    original.write_text("# One\n")
    translation.write_text('<div dir="rtl">\n\n# واحد\n\n[أصل](../one.md#one) [آخر](../other.md)\n\n</div>\n')
    monkeypatch.setattr(module, "DOCS", tmp_path / "docs")
    pages.cache_clear()
    by_path.cache_clear()
    yield pages()["en", "one"], pages()["ar", "one"]  # type: ignore[misc]
    monkeypatch.undo()
    pages.cache_clear()
    by_path.cache_clear()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_in_the_table_of_contents(language: str) -> None:
    listed = {page for chapter in contents(language) for _, page in chapter.entries}
    assert listed
    own = {page for page in pages().values() if page.language == language and page.name != "index"}
    assert own - listed == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_has_one_title_and_stands_at_its_address(language: str) -> None:
    for page in pages().values():
        if page.language == language:
            assert [section.level for section in page.rendered().sections].count(1) == 1, page.name


def test_what_people_who_use_and_run_aura_need_is_there_in_arabic() -> None:
    assert PROMISED - {page.name for page in ARABIC} == set()


@pytest.mark.parametrize("page", ARABIC, ids=lambda page: page.name)
def test_an_arabic_page_has_its_original_and_says_when_it_is_older(page: Page) -> None:
    original = page.counterpart
    assert original is not None, "no English page has this name"
    assert len(page.mark()) == 16, f"run: manage.py translated {page.path}"
    assert page.source().rstrip().endswith("</div>"), "GitHub shows it from the left"
    if page.outdated:
        pytest.xfail(f"docs: {page.path.name} in Arabic is older than its English original")


def test_a_translation_is_older_once_the_original_changes(two_pages: tuple[Page, Page]) -> None:
    original, translation = two_pages
    assert translation.counterpart == original
    assert translation.outdated
    module.note(translation, original)
    assert not translation.outdated
    assert translation.mark() == digest("# One\n")
    original.path.write_text("# One, changed\n")
    assert translation.outdated
    assert not original.outdated
    module.note(translation, original)
    assert translation.source().count("translated from") == 1


def test_the_command_lists_what_is_older_and_notes_what_is_not(
    two_pages: tuple[Page, Page], capsys: pytest.CaptureFixture[str]
) -> None:
    original, translation = two_pages
    call_command("translated")
    assert f"{translation.path}: older than {original.path}" in capsys.readouterr().out
    call_command("translated", str(translation.path))
    assert "Every Arabic page" in capsys.readouterr().out
    with pytest.raises(CommandError, match="is no translation"):
        call_command("translated", str(original.path))


def test_links_lead_to_pages_and_those_of_other_files_are_dropped(two_pages: tuple[Page, Page]) -> None:
    _, translation = two_pages
    assert '<a href="../en/one.html#one" hreflang="en">أصل</a> آخر' in translation.rendered().html
