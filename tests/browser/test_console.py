"""The test console as an engineer uses it, on a real server."""

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import signed_in
from tests.browser.test_page import CONTRAST
from tests.live import LiveServer

pytestmark = pytest.mark.browser

FRAMED = ["websocket", "json", "webrtc"]
TRANSPORTS = [*FRAMED, "sse", "frames", "ndjson"]


@pytest.fixture
def other_page(browser: Browser, live: LiveServer) -> Iterator[Page]:
    yield from signed_in(browser, live)


def open_console(page: Page, transport: str = "websocket") -> None:
    page.goto("/console/")
    expect(page.locator("#line")).to_have_attribute("data-state", "connected")
    page.select_option("#transport", transport)
    expect(page.locator("#line")).to_have_attribute("data-state", "connected" if transport in FRAMED else "ready")


def ask(page: Page, text: str, tier: str = "nano") -> None:
    page.select_option("#tier", tier)
    page.fill("#question", text)
    page.press("#question", "Enter")


def answer(page: Page) -> Locator:
    return page.locator("#answers > .answer").first


def ended(page: Page, state: str = "done") -> None:
    expect(answer(page)).to_have_attribute("data-state", state, timeout=60_000)


def words(page: Page) -> list[str]:
    return answer(page).locator(".words").inner_text().split()


def begun(page: Page) -> None:
    page.wait_for_function("() => document.querySelector('.answer .words')?.innerText.length > 50")


def row(page: Page, name: str) -> Locator:
    return page.locator(".row").filter(has=page.locator(".name", has_text=re.compile(f"^{name}$"))).last


def story(page: Page, text: str | re.Pattern[str]) -> Locator:
    return page.locator("#trouble-list li").filter(has_text=text)


def test_it_connects_by_itself_and_an_answer_is_followed_in_all_figures(page: Page) -> None:
    open_console(page)
    ask(page, "Speak to me")
    ended(page)
    assert len(words(page)) == 60
    expect(answer(page).locator(".facts")).to_contain_text("the whole text fits its check")
    expect(answer(page).locator(".facts")).to_contain_text(re.compile(r"tokens/s · \d+ → \d+ B"))
    for name in ("offset", "epoch", "credit", "first", "speed", "ratio"):
        expect(page.locator(f"#tile-{name}")).to_have_text(re.compile(r"\d"))
    for name in ("HELLO", "WELCOME", "PROMPT", "OPEN", "DONE"):
        expect(row(page, name)).to_be_visible()


def test_every_byte_of_a_template_is_explained(page: Page) -> None:
    open_console(page)
    expect(row(page, "LIBRARY").filter(has_text="ack")).to_be_visible()
    page.select_option("#mode", "0")
    ask(page, "Hello! How can I help you today?", "fast")
    ended(page)
    row(page, "CHUNKS").click()
    shown = page.locator("#inspector")
    expect(shown.locator(".coding")).to_contain_text("TEMPLATE")
    expect(shown.locator(".coding")).to_contain_text("32 → 2 B · 16.0×")
    expect(shown.locator(".decoded")).to_have_text("Hello! How can I help you today?")
    parts = shown.locator(".parts .mark").all_inner_texts()
    assert parts == ["head", "count", "check", "method", "template"]
    dump = shown.locator(".dump .hex").inner_text().split()
    assert len(dump) == 6
    shown.locator(".mark", has_text="check").click()
    assert shown.locator(".hex .lit").inner_text().split() == dump[2:4]


@pytest.mark.parametrize("transport", [*FRAMED, "sse"])
def test_a_dropped_line_resumes_with_nothing_twice_and_nothing_missing(page: Page, transport: str) -> None:
    open_console(page, transport)
    ask(page, "Speak at length", "smart")
    begun(page)
    page.click("#trouble-drop")
    expect(story(page, re.compile(r"^Line cut at offset [1-9]"))).to_be_visible()
    expect(story(page, re.compile(r"Back after \d+ ms at offset \d+: 0 chunks came twice, 0 are"))).to_be_visible()
    ended(page)
    assert len(words(page)) == 400
    expect(story(page, "The answer is whole: 0 chunks twice, 0 missing.")).to_have_attribute("data-good", "true")


def test_a_line_may_stay_away_while_the_server_goes_on(page: Page) -> None:
    open_console(page)
    ask(page, "Speak at length", "smart")
    begun(page)
    page.select_option("#trouble-delay", "3000")
    page.click("#trouble-drop")
    expect(page.locator("#line")).to_have_attribute("data-state", "connecting")
    ended(page)
    assert len(words(page)) == 400
    expect(story(page, re.compile(r"Back after [3-9]\d\d\d ms"))).to_be_visible()


def test_http_says_that_it_begins_anew(page: Page) -> None:
    open_console(page, "frames")
    ask(page, "Speak at length", "smart")
    begun(page)
    page.click("#trouble-drop")
    expect(story(page, "HTTP cannot go on where it stood")).to_be_visible()
    ended(page)
    assert len(words(page)) == 400
    expect(story(page, "The answer is whole: 0 chunks twice, 0 missing.")).to_be_visible()


def test_a_damaged_chunk_is_caught_and_comes_again(page: Page) -> None:
    open_console(page)
    page.click("#trouble-damageIn")
    ask(page, "Speak to me")
    ended(page)
    assert len(words(page)) == 60
    for text in ("Caught: the chunk", "Asked for the rest", "The answer is whole: 0 chunks twice, 0 missing."):
        expect(story(page, text)).to_be_visible()
    page.locator(".row[data-damaged]").click()
    expect(page.locator("#inspector .fault")).to_contain_text("one bit was turned on purpose")


def test_a_damaged_question_is_caught_by_the_server_and_asked_again(page: Page) -> None:
    open_console(page)
    page.click("#trouble-damageOut")
    ask(page, "Every word of this counts.", "fast")
    ended(page)
    assert answer(page).locator(".words").inner_text() == "Every word of this counts."
    expect(story(page, "Caught: the server")).to_be_visible()
    expect(story(page, "The question was sent again.")).to_be_visible()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_every_transport_answers_and_shows_its_messages(page: Page, transport: str) -> None:
    open_console(page, transport)
    ask(page, "Speak to me")
    ended(page)
    assert len(words(page)) == 60
    expect(row(page, "TOKEN" if transport == "sse" else "CHUNKS?")).to_be_visible()
    row(page, "DONE").click()
    expect(page.locator("#inspector .dump")).to_be_visible()
    bad = page.locator("#trouble-damageIn")
    expect(bad).to_be_enabled() if transport in ("websocket", "webrtc") else expect(bad).to_be_disabled()


def test_pause_holds_an_answer_back_while_others_come(page: Page) -> None:
    open_console(page)
    ask(page, "Speak at length", "smart")
    begun(page)
    page.get_by_role("button", name="Pause").click()
    long = page.locator(".answer", has_text="Speak at length")
    expect(long).to_have_attribute("data-state", "paused")
    ask(page, "One", "fast")
    ended(page)
    # What was under way when the pause went out has come before this answer.
    held = long.locator(".words").inner_text()
    ask(page, "Two", "fast")
    ended(page)
    assert long.locator(".words").inner_text() == held
    long.get_by_role("button", name="Go on").click()
    expect(long).to_have_attribute("data-state", "done", timeout=60_000)
    assert len(long.locator(".words").inner_text().split()) == 400


@pytest.mark.parametrize("transport", ["websocket", "ndjson"])
def test_cancel_ends_an_answer(page: Page, transport: str) -> None:
    open_console(page, transport)
    for _ in range(3):  # on a busy machine the answer may be quicker than the browser
        ask(page, "Speak at length", "smart")
        begun(page)
        page.get_by_role("button", name="Cancel").click()
        ended(page)
        if len(words(page)) < 400:
            break
    assert len(words(page)) < 400
    expect(answer(page).locator(".facts")).to_contain_text(re.compile("Stopped|You left"))


def test_another_mode_counts_at_once(page: Page) -> None:
    open_console(page)
    ask(page, "Speak at length", "smart")
    begun(page)
    page.select_option("#mode", "0")
    expect(row(page, "CONTROL")).to_contain_text("mode")
    ended(page)
    assert len(words(page)) == 400


@pytest.mark.parametrize("transport", FRAMED)
def test_the_heartbeat_test_counts_round_trips(page: Page, transport: str) -> None:
    open_console(page, transport)
    page.click("#tab-heart")
    page.select_option("#heart-count", "10")
    page.select_option("#heart-pace", "100")
    page.click("#heart-start")
    expect(page.locator("#heart-result")).to_contain_text("Half of the round trips took", timeout=30_000)
    expect(page.locator("#heart-sent")).to_have_text("10")
    expect(page.locator("#heart-lost")).to_have_text("0")
    expect(page.locator("#heart-median")).to_have_text(re.compile(r"^[\d.]+ ms$"))
    assert len(page.locator("#heart-chart .series-0").get_attribute("points").split()) == 10
    expect(row(page, "PONG")).to_be_visible()


def test_a_transport_without_ping_says_so(page: Page) -> None:
    open_console(page, "sse")
    page.click("#tab-heart")
    expect(page.locator("#heart-unable")).to_be_visible()
    expect(page.locator("#heart-start")).to_be_disabled()


def test_the_log_is_filtered_held_exported_and_emptied(page: Page) -> None:
    open_console(page)
    page.click("#wire-pause")
    ask(page, "Speak to me")
    ended(page)
    expect(page.locator("#wire-pause")).to_contain_text(re.compile(r"Held, \d+ more"))
    expect(row(page, "PROMPT")).to_have_count(0)
    page.click("#wire-pause")
    expect(row(page, "PROMPT")).to_be_visible()
    page.fill("#wire-words", "done")
    expect(page.locator(".row")).to_have_count(1)
    page.fill("#wire-words", "")
    page.select_option("#wire-direction", "out")
    shown = page.locator(".row").count()
    with page.expect_download() as download:
        page.click("#wire-export")
    assert download.value.suggested_filename.endswith(".jsonl")
    lines = [json.loads(line) for line in download.value.path().read_text().splitlines()]
    assert len(lines) == shown
    assert {line["direction"] for line in lines} == {"out"}
    hello = lines[0]
    assert (hello["type"], hello["channel"], len(hello["hex"])) == ("HELLO", 0, 2 * hello["size"])
    page.click("#wire-clear")
    expect(page.locator("#wire-empty")).to_be_visible()


def test_statistics_are_those_of_the_server(page: Page) -> None:
    open_console(page)
    ask(page, "Speak to me")
    ended(page)
    page.click("#tab-numbers")
    expect(page.locator("#numbers-sessions tr", has_text="console")).not_to_have_count(0)
    expect(page.locator("#numbers-stats")).to_contain_text("in all")
    expect(page.locator("#numbers-frames svg")).to_have_attribute(
        "aria-label", re.compile("at most [1-9][0-9]* received, [1-9]")
    )


@pytest.mark.parametrize("transport", FRAMED)
def test_topics_are_published_filtered_and_resumed(page: Page, other_page: Page, transport: str) -> None:
    topic = f"test/console-{transport}"
    for one in (page, other_page):
        open_console(one, transport)
        one.click("#tab-topics")
        one.fill("#topics-topic", topic)
    page.fill("#topics-filter", '{"kind": "alarm"}')
    page.get_by_role("button", name="Subscribe").click()
    card = page.locator("#topics-list .answer")
    expect(card).to_contain_text("subscribed")
    expect(card).to_contain_text("here: ada")
    for kind, data in (("note", "nobody hears"), ("alarm", "fire"), ("alarm", '{"room": 7}')):
        other_page.fill("#topics-kind", kind)
        other_page.fill("#topics-data", data)
        other_page.press("#topics-data", "Enter")
    expect(card.locator("li")).to_have_count(2)
    expect(card.locator("li").last).to_contain_text('{"room":7}')
    expect(card).to_contain_text("2 events · 1 left out")
    expect(other_page.locator("#topics-receipt")).to_have_text("Published as offset 2.")
    page.click("#trouble-drop")
    other_page.fill("#topics-data", "still there?")
    other_page.press("#topics-data", "Enter")
    expect(card.locator("li")).to_have_count(3)
    expect(story(page, "0 chunks came twice, 0 are missing")).to_be_visible()
    card.get_by_role("button", name="Unsubscribe").click()
    expect(card).to_contain_text("ended")


def test_a_filter_that_makes_no_sense_is_explained(page: Page) -> None:
    open_console(page)
    page.click("#tab-topics")
    page.fill("#topics-filter", "alarm")
    page.get_by_role("button", name="Subscribe").click()
    expect(page.locator("#topics-list .fault")).to_contain_text("a filter is a JSON object")


def test_an_error_is_shown_in_words(page: Page) -> None:
    open_console(page)
    page.evaluate("document.querySelector('#tier').add(new Option('huge', 'huge'))")
    ask(page, "Anybody there?", "huge")
    ended(page, "failed")
    expect(answer(page).locator(".fault")).to_contain_text("There is no tier called 'huge'")


def test_an_error_is_shown_in_the_language_of_the_page(page: Page) -> None:
    open_console(page)
    page.get_by_role("button", name="العربية").click()
    expect(page.locator("#line")).to_contain_text("متصل")
    page.evaluate("document.querySelector('#tier').add(new Option('huge', 'huge'))")
    ask(page, "Anybody there?", "huge")
    ended(page, "failed")
    fault = answer(page).locator(".fault")
    expect(fault).not_to_be_empty()
    assert not re.search("[A-Za-z]", fault.inner_text())
    expect(answer(page).locator(".said")).to_contain_text("There is no tier called 'huge'")
    page.click("#tab-topics")
    page.fill("#topics-filter", "alarm")
    page.click("#topics-subscribe .primary")
    expect(page.locator("#topics-list .fault")).to_contain_text("يقول الخادم")


def test_disconnected_it_stays_so_until_asked(page: Page) -> None:
    open_console(page)
    page.click("#toggle")
    expect(page.locator("#line")).to_have_attribute("data-state", "closed")
    expect(page.locator("#trouble-drop")).to_be_disabled()
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.locator("#line")).to_have_attribute("data-state", "closed")
    ask(page, "Speak to me")
    ended(page)
    assert len(words(page)) == 60


def test_everything_works_by_keyboard(page: Page) -> None:
    open_console(page)
    page.select_option("#tier", "smart")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("a")
    expect(page.locator("#question")).to_be_focused()
    page.keyboard.type("cdxp: keys are letters here")
    page.keyboard.press("Enter")
    begun(page)
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("d")
    expect(story(page, "Back after")).to_be_visible()
    page.keyboard.press("p")
    expect(answer(page)).to_have_attribute("data-state", "paused")
    page.keyboard.press("p")
    page.keyboard.press("Escape")
    ended(page)
    page.keyboard.press("l")
    expect(page.locator("#wire-list")).to_be_focused()
    page.keyboard.press("End")
    expect(page.locator("#inspector h3")).to_contain_text("DONE")
    page.keyboard.press("Home")
    expect(page.locator("#inspector h3")).to_contain_text("HELLO")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#inspector h3")).not_to_contain_text("HELLO")
    selected = page.locator("#wire-list").get_attribute("aria-activedescendant")
    expect(page.locator(f"#{selected}")).to_have_attribute("aria-selected", "true")
    page.focus("#tab-talk")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#panel-heart")).to_be_visible()
    page.keyboard.press("End")
    expect(page.locator("#keys-on")).to_be_visible()
    page.uncheck("#keys-on")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("c")
    expect(page.locator("#line")).to_have_attribute("data-state", "connected")


def test_a_phone_has_it_all_in_its_width(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 780})
    open_console(page)
    ask(page, "Speak to me")
    ended(page)
    row(page, "PROMPT").click()
    for tab in ("heart", "topics", "numbers", "keys", "talk"):
        page.click(f"#tab-{tab}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for hint in page.locator(".hint:visible").all():
        hint.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_arabic_is_from_right_to_left_and_says_all_in_arabic(page: Page) -> None:
    open_console(page)
    page.get_by_role("button", name="العربية").click()
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    expect(page.locator("#line")).to_contain_text("متصل")
    line, work = page.locator("#transport").bounding_box(), page.locator("#tabs").bounding_box()
    assert line is not None
    assert work is not None
    assert line["x"] > work["x"]
    ask(page, "Speak at length", "smart")
    begun(page)
    page.click("#trouble-drop")
    ended(page)
    row(page, "DONE").click()
    for tab in ("heart", "topics", "numbers", "keys", "talk"):
        page.click(f"#tab-{tab}")
    latin = page.evaluate(
        """() => {
          const texts = [];
          const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
          const apart = 'script, kbd, .words, .asked, .summary, .value, .coding dd, [lang=en], ' +
            '#spoken, select, #numbers-sessions';
          while (walk.nextNode()) {
            const { data, parentElement } = walk.currentNode;
            if (!parentElement.closest(apart) && /[A-Za-z]/.test(data)) texts.push(data.trim());
          }
          return texts;
        }"""
    )
    names = {"AURA", "PING", "PONG", "WebSocket", "HTTP", "JSON", "Shift", "brotli", "raw", "template", "websocket",
             "mock", "smart", "presence", "max", "ak", "my"}  # fmt: skip
    assert [text for text in latin if set(re.findall(r"[A-Za-z]+", text)) - names] == []
    expect(page.locator("#tile-credit")).to_contain_text("ك.ب")
    page.click("#tab-numbers")
    expect(page.locator("#numbers-bytes .peak")).to_have_text(re.compile(r"^حتى [\d.]+ بايت/ث$"))
    page.click("#tab-talk")
    assert page.locator("#tile-first").evaluate("node => getComputedStyle(node).direction") == "rtl"
    expect(page.locator("#heart-pace option").first).to_have_text("0.1 ث")
    assert page.locator(".dump").evaluate("node => getComputedStyle(node).direction") == "ltr"
    page.locator("#tabs [role=tab]").first.focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#panel-heart")).to_be_visible()


def test_it_can_be_heard_and_read(page: Page) -> None:
    open_console(page)
    ask(page, "Speak to me")
    ended(page)
    expect(page.locator("#announcer")).to_have_text("The answer is complete.")
    row(page, "PROMPT").click()
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('button, a, input:not([type=hidden]), select, textarea, [tabindex="0"]')]
        .filter((node) => !(node.innerText?.trim() || node.ariaLabel || node.labels?.length))
        .filter((node) => !node.hasAttribute('aria-labelledby'))
        .map((node) => node.outerHTML)"""
    )
    assert nameless == []
    broken = page.evaluate(
        """() => ['aria-controls', 'aria-labelledby', 'for', 'aria-activedescendant'].flatMap((name) =>
          [...document.querySelectorAll(`[${name}]`)].filter((node) => !document.getElementById(node.getAttribute(name)))
            .map((node) => node.outerHTML))"""
    )
    assert broken == []
    twice = page.evaluate(
        "() => [...document.querySelectorAll('[id]')].map(({ id }) => id).filter((id, at, all) => all.indexOf(id) !== at)"
    )
    assert twice == []
    expect(page.get_by_role("heading", level=1)).to_have_text("Test console")
    for role in ("banner", "main", "tablist", "listbox"):
        expect(page.get_by_role(role)).to_have_count(1)
    hint = page.get_by_role("button", name="What am I looking at? Line")
    hint.click()
    expect(hint).to_have_attribute("aria-expanded", "true")
    expect(page.locator("#hint-line")).to_be_visible()
    for _ in range(2):
        for tab in ("heart", "topics", "numbers", "keys", "talk"):
            page.click(f"#tab-{tab}")
            assert page.evaluate(CONTRAST) == []
        page.get_by_role("button", name="Theme").click()


def test_nothing_runs_or_is_styled_that_is_not_a_file_of_the_site(page: Page) -> None:
    response = page.goto("/console/")
    assert response is not None
    assert "unsafe-inline" not in response.headers["content-security-policy"]
    expect(page.locator("#line")).to_have_attribute("data-state", "connected")
    ask(page, "Speak to me")
    ended(page)
    row(page, "PROMPT").click()
    inline = page.evaluate(
        """() => [...document.querySelectorAll('*')]
        .filter((node) => node.matches('style, [style], script:not([src], [type="application/json"])') ||
          [...node.attributes].some(({ name }) => name.startsWith('on'))).map((node) => node.outerHTML)"""
    )
    assert inline == []


def test_chat_leads_there_and_back_and_strangers_sign_in_first(page: Page, live: LiveServer) -> None:
    page.goto("/")
    page.get_by_role("link", name="Console").click()
    expect(page).to_have_url(re.compile("/console/$"))
    page.get_by_role("link", name="Chat").click()
    expect(page.locator("#composer")).to_be_visible()
    _, _, body = live.get("/console/", key="")
    assert "Test console" not in body
