"""What a person meets who cannot be answered: what happened and what to do, in the language of the page."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PATIENCE
from tests.browser.test_chat import answer, ask
from tests.browser.visits import VISITS, context
from tests.live import LiveServer

pytestmark = pytest.mark.browser

CHAT = next(visit for visit in VISITS if visit.name == "chat")
LONG = "a word " * 40_000


def at(browser: Browser, live: LiveServer, language: str) -> Page:
    """Return the chat on a phone, in a language."""
    expect.set_options(timeout=PATIENCE)
    page = context(browser, live, CHAT, language, "light", (390, 844)).new_page()
    CHAT.go(page, language)
    return page


@pytest.mark.parametrize(
    ("language", "words"), [("en", "shorten it, or send it in parts"), ("ar", "اختصره، أو أرسله على أجزاء")]
)
def test_a_question_that_is_too_long(browser: Browser, live: LiveServer, language: str, words: str) -> None:
    page = at(browser, live, language)
    page.evaluate("words => (document.querySelector('#question').value = words)", LONG)
    page.press("#question", "Enter")
    expect(page.locator("#notice")).to_contain_text(words)
    # It is there still, to be shortened.
    expect(page.locator("#question")).to_have_value(LONG)
    assert answer(page).count() == 0
    page.context.close()


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "There is no tier called 'huge'"),
        ("ar", "لا نموذج يستطيع الإجابة عن هذا. اختر فئة أخرى، أو أبلغ المشغّل."),
    ],
)
def test_an_answer_that_cannot_be_had(browser: Browser, live: LiveServer, language: str, words: str) -> None:
    page = at(browser, live, language)
    page.evaluate("document.querySelector('#tier').add(new Option('huge', 'huge'))")
    ask(page, "Hello", "huge")
    expect(answer(page).locator(".fault")).to_contain_text(words)
    if language == "ar":
        # The server's own words, which are more exact, stand behind.
        expect(answer(page).locator(".fault + .help")).to_contain_text("There is no tier called 'huge'")
        expect(answer(page).locator(".fault + .help")).to_have_css("direction", "ltr")
    page.context.close()


@pytest.mark.parametrize(("language", "kind", "large"), [
    ("en", "only files of text can be attached", "a question takes files of"),
    ("ar", "لا يمكن إرفاق سوى الملفات النصية", "يتسع السؤال لملفات حتى"),
])  # fmt: skip
def test_files_that_cannot_go_with_a_question(
    browser: Browser, live: LiveServer, language: str, kind: str, large: str
) -> None:
    page = at(browser, live, language)
    page.set_input_files(
        "#file", {"name": "tune.bin", "mimeType": "application/octet-stream", "buffer": b"\xff\xfe\x00"}
    )
    expect(page.locator("#notice")).to_contain_text("tune.bin")
    expect(page.locator("#notice")).to_contain_text(kind)
    page.set_input_files("#file", {"name": "much.txt", "mimeType": "text/plain", "buffer": b"x" * 3_000_000})
    expect(page.locator("#notice")).to_contain_text("much.txt")
    expect(page.locator("#notice")).to_contain_text(large)
    page.context.close()
