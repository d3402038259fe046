"""Pages from Markdown."""

from hypothesis import given
from hypothesis import strategies as st

from aura_site.documentation.markdown import Link, render, slug, unframed


def test_anchors_are_those_of_github_and_differ() -> None:
    rendered = render("# A `code`, and *more*: 17.1\n\n## Same\n\n## Same\n\n## كلمتان، هنا بَعدُ\n")
    assert [section.anchor for section in rendered.sections] == [
        "a-code-and-more-171",
        "same",
        "same-1",
        "كلمتان-هنا-بَعدُ",
    ]
    assert 'id="same-1"' in rendered.html
    assert rendered.title == "A code, and more: 17.1"


def test_sections_hold_the_words_below_them() -> None:
    rendered = render(
        "# One\n\nfirst `code`\nnext\n\n## Two\n\n| a | b |\n| --- | --- |\n| c | d |\n\n```sh\nrun it\n```\n"
    )
    assert [(section.level, section.text) for section in rendered.sections] == [
        (1, "first code next"),
        (2, "a b c d run it\n"),
    ]


def test_links_are_led_elsewhere_or_dropped_with_their_words_kept() -> None:
    def resolve(href: str) -> Link | None:
        return None if href == "gone" else Link(f"/{href}", "en")

    html = render("[a](b#c) and [*kept* words](gone) and [d](e)", resolve).html
    assert '<a href="/b#c" hreflang="en">a</a> and <em>kept</em> words and <a href="/e" hreflang="en">d</a>' in html


def test_html_of_the_source_is_shown_and_never_taken_for_html() -> None:
    html = render('<script>alert(1)</script>\n\n<b onclick="x">bold</b> [x](javascript:alert(1))').html
    assert "<script" not in html
    assert "<b " not in html
    assert 'href="javascript' not in html
    assert "&lt;script&gt;" in html


def test_tables_need_no_style_and_scroll_by_keyboard() -> None:
    html = render('# A "b"\n\n| a | |\n| :-: | --- |\n| b | c |\n').html
    assert "style=" not in html
    # Who comes to it by key is told under which heading it stands.
    assert '<div class="scroll" tabindex="0" role="group" aria-label="A &quot;b&quot;"><table>' in html
    assert '<th scope="col">a</th>' in html
    assert "<td></td>" in html


def test_what_is_there_for_github_alone_is_taken_off() -> None:
    assert unframed('<!-- translated from 00 -->\n<div dir="rtl">\n\n# ا\n\nب\n\n</div>\n') == "# ا\n\nب\n"
    assert unframed("# plain\n") == "# plain\n"


@given(st.text())
def test_any_text_renders_without_scripts_and_styles(text: str) -> None:
    html = render(text).html
    assert "<script" not in html
    assert " style=" not in html or " style=" in text


@given(st.text())
def test_a_slug_has_no_sign_that_an_address_or_a_page_would_misread(title: str) -> None:
    assert not set(slug(title)) & set("#?&%<>\"'/ .")
