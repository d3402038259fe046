"""The chat as a person uses it."""

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import signed_in
from tests.browser.visits import say_why
from tests.live import LiveServer

pytestmark = pytest.mark.browser


def open_chat(page: Page) -> None:
    page.goto("/")
    expect(page.locator("#line")).to_have_attribute("data-state", "connected")


def ask(page: Page, text: str, tier: str = "nano") -> None:
    page.select_option("#tier", tier)
    page.fill("#question", text)
    page.press("#question", "Enter")


def answer(page: Page):
    return page.locator(".turn.assistant").last


def finished(page: Page) -> None:
    expect(answer(page)).not_to_have_class(re.compile("pending"), timeout=60_000)


def words(page: Page) -> list[str]:
    return answer(page).locator(".words").inner_text().split()


def test_a_question_is_answered_in_a_stream_with_what_it_cost(page: Page) -> None:
    open_chat(page)
    ask(page, "Speak to me")
    expect(answer(page)).to_have_class(re.compile("pending"))
    finished(page)
    assert len(words(page)) == 60
    notes = answer(page).locator("footer")
    expect(notes).to_contain_text("mock-60-10 · nano")
    expect(notes).to_contain_text("free")
    expect(notes.locator(".bytes")).to_contain_text(re.compile(r"\d+ → \d+ B \(\d+ % (saved|more)\)"))
    expect(notes.locator(".methods")).to_contain_text(re.compile("Brotli|raw|template|model"))
    expect(page.locator("#saved")).to_contain_text("B (")
    expect(page.locator("#conversations a").first).to_have_text("Speak to me")


def test_a_template_is_used_in_both_directions(page: Page) -> None:
    open_chat(page)
    expect(page.locator("#line")).to_have_attribute("data-coded", "true")
    page.select_option("#mode", "0")
    ask(page, "Hello! How can I help you today?", "fast")
    finished(page)
    expect(page.locator(".turn.user footer")).to_contain_text("32 → 2 B (94 % saved)")
    expect(answer(page).locator(".methods")).to_have_text("template")


def test_the_model_codes_both_ways_once_it_is_primed(page: Page) -> None:
    open_chat(page)
    expect(page.locator("#line")).to_have_attribute("data-primed", "true", timeout=60_000)
    page.select_option("#mode", "0")
    words = "Please remember to bring the documents to the meeting on Monday morning."
    ask(page, words, "fast")
    finished(page)
    expect(answer(page).locator(".words")).to_have_text(words)
    for turn in (page.locator(".turn.user").last, answer(page)):
        expect(turn.locator(".methods")).to_have_text("model")
        before, after = re.search(r"(\d+) → (\d+) B", turn.locator("footer").inner_text()).groups()
        assert int(after) < 0.6 * int(before)


def test_tokens_come_as_pieces_once_the_model_is_primed(page: Page) -> None:
    lines: list[str | bytes] = []

    def keep(data: str | bytes) -> None:
        lines.append(data)

    page.on("websocket", lambda line: line.on("framereceived", keep))
    open_chat(page)
    expect(page.locator("#line")).to_have_attribute("data-primed", "true", timeout=60_000)
    page.select_option("#mode", "2")
    ask(page, "Speak at length", "smart")
    finished(page)
    assert len(words(page)) == 400
    chunks = [data for data in lines if isinstance(data, bytes) and data[0] >> 4 in (4, 12, 14)]
    assert any(data[0] >> 4 == 12 for data in chunks)
    # A word is a token of this model; several may come in one chunk.
    assert sum(map(len, chunks)) < 2 * 400


def test_a_reload_in_mid_answer_goes_on_to_the_same_whole(page: Page) -> None:
    open_chat(page)
    page.select_option("#mode", "2")
    ask(page, "Speak at length", "smart")
    page.wait_for_function("() => document.querySelector('.turn.assistant .words').innerText.split(/\\s+/).length > 40")
    page.reload()
    expect(answer(page)).to_have_class(re.compile("pending"))
    finished(page)
    assert len(words(page)) == 400
    assert page.locator(".turn").count() == 2


def test_stop_ends_an_answer(page: Page) -> None:
    open_chat(page)
    ask(page, "Speak at length", "smart")
    page.wait_for_function("() => document.querySelector('.turn.assistant .words').innerText.length > 50")
    page.click("#stop")
    finished(page)
    expect(answer(page)).to_contain_text("Stopped.")
    assert len(words(page)) < 400


def test_markdown_is_shown_and_nothing_in_it_runs(page: Page) -> None:
    open_chat(page)
    text = (
        "# Title\n\nSome **bold** and `code` <img src=x onerror=alert(1)> [bad](javascript:alert(1)) [good](https://example.org)"
        "\n\n- one\n- two\n\n```python\nprint('<b>')\n```\n\n| a | b |\n| --- | --- |\n| 1 | 2 |"
    )
    page.select_option("#tier", "fast")
    page.fill("#question", text)
    page.click("#send")
    finished(page)
    shown = answer(page).locator(".words")
    expect(shown.locator("strong")).to_have_text("bold")
    expect(shown.locator("li")).to_have_count(2)
    expect(shown.locator("pre code")).to_have_text("print('<b>')")
    expect(shown.locator("td")).to_have_text(["1", "2"])
    expect(shown.locator("img")).to_have_count(0)
    expect(shown.locator("a")).to_have_count(1)
    expect(shown.locator("a")).to_have_attribute("href", "https://example.org")


def test_everything_works_by_keyboard(page: Page) -> None:
    open_chat(page)
    expect(page.locator("#question")).to_be_focused()
    page.keyboard.type("First line")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("second line")
    page.select_option("#tier", "smart")
    page.focus("#question")
    page.keyboard.press("Enter")
    expect(page.locator(".turn.user .words")).to_have_text(re.compile("First line\nsecond line"))
    page.wait_for_function("() => document.querySelector('.turn.assistant .words').innerText.length > 50")
    page.keyboard.press("Escape")
    finished(page)
    expect(page.locator("#announcer")).to_have_text("The answer is complete.")
    page.goto("/")
    page.keyboard.press("Shift+Tab")
    focused = page.evaluate("document.activeElement.textContent.trim()")
    assert focused


def test_an_error_is_explained_and_can_be_tried_again(page: Page) -> None:
    open_chat(page)
    page.evaluate("document.querySelector('#tier').add(new Option('huge', 'huge'))")
    ask(page, "Anybody there?", "huge")
    expect(answer(page).locator(".fault")).to_contain_text("There is no tier called 'huge'")
    page.select_option("#tier", "fast")
    answer(page).get_by_role("button", name="Ask again").click()
    finished(page)
    assert words(page) == ["Anybody", "there?"]


def test_arabic_is_from_right_to_left(page: Page) -> None:
    open_chat(page)
    page.get_by_role("button", name="العربية").click()
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    side, main = page.locator("#side").bounding_box(), page.locator("#main").bounding_box()
    assert side is not None
    assert main is not None
    assert side["x"] > main["x"]
    # Empty fields stand as the page does.
    for field in ("#search", ".composer textarea"):
        assert page.locator(field).evaluate("field => getComputedStyle(field).direction") == "rtl"
    page.get_by_role("button", name="English").click()
    expect(page.locator("html")).to_have_attribute("dir", "ltr")


def test_a_phone_shows_it_all(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 780})
    open_chat(page)
    ask(page, "Speak to me")
    finished(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.click("#menu")
    expect(page.locator("#side")).to_be_visible()


def test_the_admin_shows_the_same_words(page: Page) -> None:
    open_chat(page)
    ask(page, "Is this on the record?", "fast")
    finished(page)
    page.goto("/admin/audit/conversation/")
    page.get_by_role("link", name="Is this on the record?").first.click()
    say_why(page)
    expect(page.locator(".record-user .record-text")).to_have_text("Is this on the record?")
    expect(page.locator(".record-assistant .record-text")).to_have_text("Is this on the record?")
    expect(page.locator(".record-assistant footer")).to_contain_text(re.compile("raw|model"))


def test_an_answer_goes_on_after_its_server_was_killed(own_page: Page, own_server: LiveServer) -> None:
    page = own_page
    open_chat(page)
    page.select_option("#mode", "2")
    ask(page, "Speak at length", "smart")
    page.wait_for_function("() => document.querySelector('.turn.assistant .words').innerText.split(/\\s+/).length > 60")
    own_server.stop(signal.SIGKILL)
    expect(page.locator("#line")).to_have_attribute("data-state", re.compile("waiting|connecting"))
    seen = words(page)
    own_server.start()
    expect(page.locator("#line")).to_have_attribute("data-state", "connected", timeout=40_000)
    finished(page)
    assert len(words(page)) == 400
    identifier = page.url.split("?c=")[1]
    _, _, body = own_server.get(f"/api/v1/conversations/{identifier}")
    recorded = body["turns"][1]["text"].split()
    assert recorded[: len(seen) - 1] == seen[:-1]
    assert len(seen) > 60
    assert words(page) == recorded


WATCH_TENTATIVE = """() => {
  window.tentative = [];
  new MutationObserver(() => {
    const span = document.querySelector('.turn.assistant.pending .tentative');
    if (!span) return;
    const [label, text] = [...span.children].map((child) => child.textContent);
    const words = span.closest('.words');
    getSelection().selectAllChildren(words);
    const style = getComputedStyle(span);
    const before = words.textContent.slice(0, -span.textContent.length);
    window.tentative.push({ label, text, before, copied: String(getSelection()), italic: style.fontStyle });
    getSelection().removeAllRanges();
  }).observe(document.getElementById('turns'), { childList: true, subtree: true, characterData: true });
}"""


@pytest.mark.environment(ENABLE_HYBRID_STREAMING="true")
@pytest.mark.parametrize("mode", ["1", "2"])
def test_what_will_probably_follow_is_seen_to_be_tentative_until_the_model_says_it(
    own_page: Page, own_server: LiveServer, mode: str
) -> None:
    page = own_page
    open_chat(page)
    page.select_option("#mode", mode)
    page.evaluate(WATCH_TENTATIVE)
    for _ in range(5):
        ask(page, "Speak")
        finished(page)
    said = " ".join(words(page))
    assert len(said.split()) == 60
    shown = page.evaluate("() => window.tentative")
    assert shown
    for one in shown:
        assert (one["label"], one["italic"]) == ("Tentative: ", "italic")
        # The mock says the same each time, so what was expected came true; it is copied only then.
        assert said.startswith(f"{one['before']}{one['text']}".strip())
        assert one["copied"].strip() == one["before"].strip()
    assert page.locator(".turn .tentative").count() == 0
    assert "Tentative" not in page.locator("#spoken").inner_text()
    identifier = page.url.split("?c=")[1]
    turns = own_server.get(f"/api/v1/conversations/{identifier}")[2]["turns"]
    assert [turn["text"] for turn in turns if turn["role"] == "assistant"] == [said] * 5


@pytest.fixture
def real_page(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """A page on a server as a fresh machine has it: every tier is the embedded model."""
    server = LiveServer(tmp_path, ALLOW_MOCK_LLM="", NANO_MODEL="", FAST_MODEL="", SMART_MODEL="", GENIUS_MODEL="")
    server.start()
    yield from signed_in(browser, server)
    server.stop()


@pytest.mark.model
def test_the_real_model_answers_in_a_stream_and_its_record_says_the_same(real_page: Page) -> None:
    page = real_page
    open_chat(page)
    expect(page.locator("#line")).to_have_attribute("data-coded", "true")
    page.get_by_role("button", name="Can you explain gravity").click()
    expect(page.locator(".turn.user footer")).to_contain_text("129 → 9 B (93 % saved)")
    expect(answer(page)).to_have_class(re.compile("pending"))
    page.wait_for_function("() => document.querySelector('.turn.assistant.pending .words')?.innerText.length > 20")
    finished(page)
    expect(answer(page).locator("footer")).to_contain_text("smollm2-135m-instruct")
    expect(answer(page).locator(".badge")).to_have_text("demo model")
    shown = words(page)
    assert "gravity" in " ".join(shown).lower()
    page.goto("/admin/audit/conversation/")
    page.get_by_role("link", name="Can you explain gravity").click()
    say_why(page)
    expect(page.locator(".record-user footer")).to_contain_text("template")
    recorded = page.locator(".record-assistant .record-text").inner_text()
    assert set(shown) <= set(re.sub(r"[*`#]", "", recorded).split()) | set(recorded.split())


def questions(page: Page) -> list[str]:
    return page.locator(".turn.user .words").all_inner_texts()


def edit(page: Page, words: str) -> None:
    """Put the last question in other words, in its place."""
    page.locator(".turn.user").last.get_by_role("button", name="Edit").click()
    field = page.locator(".editor textarea")
    expect(field).to_be_focused()
    field.fill(words)
    page.keyboard.press("Enter")
    expect(page.locator(".editor")).to_have_count(0)
    finished(page)


def test_a_question_is_edited_in_its_place_and_one_goes_back_to_the_version_before(page: Page) -> None:
    open_chat(page)
    for text in ("One", "Two of them"):
        ask(page, text, "fast")
        expect(page.locator(".turn.user .words").last).to_have_text(text)
        finished(page)
    edit(page, "Three of them, now")
    # What is replaced is not shown, and the model is not told of it: the mock counts the words that it is given.
    assert questions(page) == ["One", "Three of them, now"]
    expect(page.locator(".turn.assistant .words")).to_have_text(["One", "Three of them, now"])
    answer(page).get_by_role("button", name="Details").click()
    expect(answer(page).locator(".details")).to_contain_text("6 asked")
    versions = page.locator(".turn.user").last.locator(".versions")
    expect(versions).to_have_text("‹2/2›")
    page.get_by_role("button", name="Version before this one").click()
    expect(page.locator(".turn.user .words")).to_have_text(["One", "Two of them"])
    expect(versions).to_have_text("‹1/2›")
    expect(page.get_by_role("button", name="Version after this one")).to_be_focused()
    expect(page.locator("#announcer")).to_have_text("Version 1 of 2")
    # What is asked now goes on from what is shown.
    ask(page, "And then?", "fast")
    expect(page.locator(".turn.user .words").last).to_have_text("And then?")
    finished(page)
    assert questions(page) == ["One", "Two of them", "And then?"]
    page.reload()
    expect(page.locator(".turn.user .words")).to_have_text(["One", "Two of them", "And then?"])
    expect(page.locator(".versions")).to_have_text("‹1/2›")
    page.get_by_role("button", name="Version after this one").click()
    expect(page.locator(".turn.user .words")).to_have_text(["One", "Three of them, now"])
    # What was looked at last is shown again.
    page.reload()
    expect(page.locator(".turn.user .words")).to_have_text(["One", "Three of them, now"])
    expect(page.locator(".versions")).to_have_text("‹2/2›")
    # The record keeps it all, and says which is which.
    page.goto("/admin/audit/conversation/")
    page.get_by_role("link", name="One", exact=True).first.click()
    say_why(page)
    said = ["One", "Two of them", "Three of them, now", "And then?"]
    expect(page.locator(".record-user .record-text")).to_have_text(said)
    expect(page.locator(".record-branch")).to_have_text(
        ["Version 1 of 2 of this question", "Version 2 of 2 of this question not on the newest branch"]
    )


def test_an_edit_that_is_left_changes_nothing_and_asking_again_makes_a_version(page: Page) -> None:
    open_chat(page)
    ask(page, "As it was", "fast")
    finished(page)
    page.get_by_role("button", name="Edit").click()
    page.locator(".editor textarea").fill("Something else")
    page.keyboard.press("Escape")
    expect(page.locator(".editor")).to_have_count(0)
    expect(page.get_by_role("button", name="Edit")).to_be_focused()
    assert questions(page) == ["As it was"]
    page.get_by_role("button", name="Ask again").click()
    finished(page)
    assert questions(page) == ["As it was"]
    expect(page.locator(".versions")).to_have_text("‹2/2›")
    # The first question has versions, too: the edit of it begins the conversation anew.
    edit(page, "As it is")
    expect(page.locator(".versions")).to_have_text("‹3/3›")
    assert page.locator("#conversations a").first.inner_text() == "As it was"
