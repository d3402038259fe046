"""The chat page around its answers: the line, the drawer, what screen readers hear, languages, security."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, WebSocketRoute, expect

from tests.browser.conftest import signed_in
from tests.browser.test_chat import answer, ask, finished, open_chat, words
from tests.live import LiveServer

pytestmark = pytest.mark.browser


@pytest.fixture
def other_page(browser: Browser, live: LiveServer) -> Iterator[Page]:
    yield from signed_in(browser, live)


def bytes_of(text: str) -> tuple[int, int]:
    before, after = re.findall(r"(\d+) → (\d+) B", text.replace(",", ""))[0]
    return int(before), int(after)


def test_the_header_sums_what_the_turns_took(page: Page) -> None:
    open_chat(page)
    for question in ("Speak to me", "Once more"):
        ask(page, question)
        finished(page)
    notes = page.locator(".turn .bytes").all_inner_texts()
    assert len(notes) == 4
    sums = tuple(sum(column) for column in zip(*map(bytes_of, notes), strict=True))
    assert bytes_of(page.locator("#saved").inner_text()) == sums


def test_what_is_as_large_as_before_is_no_gain_and_no_loss(page: Page) -> None:
    open_chat(page)
    told = "async ([before, after]) => (await import('/static/aura/chat/turns.js')).bytesWords(before, after)"
    assert page.evaluate(told, [20_000, 20_001]) == ["20,000 → 20,001 B", ""]
    assert page.evaluate(told, [20_000, 19_900]) == ["20,000 → 19,900 B", "(0.5 % saved)"]
    assert page.evaluate(told, [100, 100]) == ["100 → 100 B", ""]


def test_a_lost_line_says_so_and_what_was_asked_meanwhile_is_answered(page: Page) -> None:
    routes: list[WebSocketRoute] = []
    blocked = True

    def route(socket: WebSocketRoute) -> None:
        routes.append(socket)
        if blocked:
            socket.close(code=4102, reason="busy")
        else:
            socket.connect_to_server()

    page.route_web_socket("**/ws/chat/", route)
    page.goto("/")
    line = page.locator("#line")
    expect(line).to_have_attribute("data-state", "waiting")
    expect(line).to_contain_text("Line lost")
    ask(page, "Speak to me")
    expect(answer(page)).to_contain_text("This is asked as soon as the line is back.")
    now = line.get_by_role("button", name="Try now")
    expect(now).to_be_visible()
    blocked = False
    # At once: the line that is tried anew by itself takes the button away, under the pointer if need be.
    page.evaluate("document.querySelector('#line button').click()")
    finished(page)
    assert len(words(page)) == 60
    assert page.locator(".turn").count() == 2


def test_a_line_cut_in_mid_answer_loses_and_doubles_nothing(page: Page) -> None:
    sockets: list[WebSocketRoute] = []

    def route(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        sockets.append(socket)
        passed = [0]

        def relay(message: str | bytes) -> None:
            passed[0] += 1
            # Three lines break after a few frames each, the fourth holds.
            if len(sockets) <= 3 and passed[0] > 6:
                socket.close(code=1011)
                server.close()
            else:
                socket.send(message)

        server.on_message(relay)

    page.route_web_socket("**/ws/chat/", route)
    open_chat(page)
    page.select_option("#mode", "2")
    ask(page, "Speak at length", "smart")
    finished(page)
    assert len(sockets) == 4
    shown = words(page)
    page.reload()
    finished(page)
    assert words(page) == shown
    assert len(shown) == 400


def test_a_damaged_frame_is_never_shown_and_comes_again(page: Page) -> None:
    damaged: list[bytes] = []

    def route(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def relay(message: str | bytes) -> None:
            assert isinstance(message, bytes)
            # A whole answer is one CHUNKS frame (type 14) with DONE right behind it.
            if not damaged and message[0] >> 4 in (4, 14):
                damaged.append(message)
                message = message[:-1] + bytes([message[-1] ^ 1])
            socket.send(message)

        server.on_message(relay)

    page.route_web_socket("**/ws/chat/", route)
    open_chat(page)
    page.select_option("#mode", "0")
    ask(page, "Every word of this counts.", "fast")
    finished(page)
    assert len(damaged) == 1
    assert answer(page).locator(".words").inner_text() == "Every word of this counts."
    expect(page.locator("#line")).to_have_attribute("data-state", "connected")


@pytest.mark.environment(SMART_MODEL="mock:mock-1500-30")
def test_a_stop_without_a_line_counts_when_the_line_is_back(own_page: Page) -> None:
    page = own_page
    sockets: list[tuple[WebSocketRoute, WebSocketRoute]] = []
    page.route_web_socket("**/ws/chat/", lambda socket: sockets.append((socket, socket.connect_to_server())))
    open_chat(page)
    page.select_option("#mode", "2")
    ask(page, "Speak at length", "smart")
    page.wait_for_function("() => document.querySelector('.turn.assistant .words').innerText.length > 50")
    for side in sockets[0]:
        side.close(code=4100, reason="")
    expect(page.locator("#line")).to_have_attribute("data-state", "waiting")
    page.click("#stop")
    finished(page)
    expect(answer(page)).to_contain_text("Stopped.")
    assert len(words(page)) < 1_500


@pytest.mark.environment(SMART_MODEL="mock:mock-200-10")
def test_a_server_that_is_restarted_in_peace_costs_no_word(own_page: Page, own_server: LiveServer) -> None:
    page = own_page
    open_chat(page)
    page.select_option("#mode", "2")
    ask(page, "Speak at length", "smart")
    page.wait_for_function("() => document.querySelector('.turn.assistant .words').innerText.length > 50")
    own_server.stop()
    finished(page)
    assert len(words(page)) == 200
    expect(page.locator("#line")).to_have_attribute("data-state", re.compile("waiting|connecting"))
    own_server.start()
    expect(page.locator("#line")).to_have_attribute("data-state", "connected", timeout=40_000)
    ask(page, "And now?", "fast")
    finished(page)
    assert words(page) == ["And", "now?"]


def test_enlarged_four_times_all_can_be_read_and_reached(page: Page) -> None:
    open_chat(page)
    ask(page, "Hello! " * 200, "fast")
    finished(page)
    page.set_viewport_size({"width": 320, "height": 256})
    assert page.locator("#main").evaluate("main => main.clientHeight") >= 256 / 2
    for last in (page.locator("#composer .small a"), page.locator("#menu"), answer(page).locator("footer")):
        last.scroll_into_view_if_needed()
        expect(last).to_be_in_viewport(ratio=1)
    # What was saved takes two lines at most, and does not stand over what is beside it.
    assert page.locator("#saved").evaluate("saved => saved.getBoundingClientRect().height") < 40


@pytest.mark.parametrize("shape", [(390, 450), (640, 400)], ids=["a phone with its keyboard", "twice enlarged"])
def test_a_long_question_leaves_the_buttons_in_a_low_window(page: Page, shape: tuple[int, int]) -> None:
    page.set_viewport_size({"width": shape[0], "height": shape[1]})
    open_chat(page)
    page.fill("#question", "line\n" * 40)
    for name in ("#send", "#composer .small a"):
        expect(page.locator(name)).to_be_in_viewport(ratio=1)


def test_who_is_signed_out_is_sent_to_sign_in(page: Page) -> None:
    page.route_web_socket("**/ws/chat/", lambda socket: socket.close(code=4205, reason="signed out"))
    page.goto("/?from=mail")
    line = page.locator("#line")
    expect(line).to_have_attribute("data-state", "refused")
    link = line.get_by_role("link", name="Sign in")
    expect(link).to_have_attribute("href", re.compile(r"^/sign-in/\?next=%2F%3Ffrom%3Dmail$"))


def test_who_is_signed_out_in_mid_answer_is_told_where_they_read(page: Page) -> None:
    signed_in = True

    def route(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def relay(message: str | bytes) -> None:
            if signed_in:
                socket.send(message)
            else:
                socket.close(code=4205, reason="signed out")

        server.on_message(relay)

    page.route_web_socket("**/ws/chat/", route)
    page.set_viewport_size({"width": 390, "height": 600})
    open_chat(page)
    for _ in range(3):
        ask(page, "Speak to me")
        finished(page)
    page.select_option("#mode", "2")
    ask(page, "Speak at length", "smart")
    page.wait_for_function(
        "() => [...document.querySelectorAll('.turn.assistant .words')].at(-1).innerText.length > 50"
    )
    signed_in = False
    # Nothing is written any more, nor can it be stopped here.
    finished(page)
    expect(answer(page)).to_contain_text("The page stops here")
    expect(page.locator("#stop")).to_be_hidden()
    # They are at the end of a conversation that is longer than the window.
    assert page.locator("#main").evaluate("main => main.scrollTop > main.clientHeight / 2")
    expect(page.locator("#banner")).to_be_in_viewport(ratio=1)
    expect(page.locator("#banner")).to_have_text("You are signed out. What is shown stays here; sign in again to ask.")
    # What is asked is kept, and why it is not sent is said.
    ask(page, "And now?")
    expect(page.locator("#notice")).to_contain_text("sign in again to ask")
    expect(page.locator("#question")).to_have_value("And now?")


def test_an_answer_goes_on_while_another_conversation_is_looked_at(page: Page) -> None:
    open_chat(page)
    ask(page, "Something short", "fast")
    finished(page)
    page.click("#new")
    page.select_option("#mode", "2")
    ask(page, "Speak at length", "smart")
    page.wait_for_function("() => document.querySelector('.turn.assistant .words').innerText.length > 50")
    long = page.url
    page.locator("#conversations").get_by_role("link", name="Something short").first.click()
    expect(answer(page).locator(".words")).to_have_text("Something short")
    page.go_back()
    assert page.url == long
    finished(page)
    assert len(words(page)) == 400
    assert page.locator(".turn").count() == 2


def test_a_second_page_follows_an_answer_as_it_comes(page: Page, other_page: Page) -> None:
    open_chat(page)
    page.select_option("#mode", "2")
    ask(page, "Speak at length", "smart")
    page.wait_for_function("() => document.querySelector('.turn.assistant .words').innerText.length > 50")
    other_page.goto(page.url)
    expect(answer(other_page)).to_have_class(re.compile("pending"))
    finished(page)
    finished(other_page)
    assert words(other_page) == words(page)


def test_screen_readers_hear_sentences_and_the_end(page: Page) -> None:
    open_chat(page)
    page.select_option("#mode", "2")
    page.evaluate(
        """() => { window.heard = [];
        new MutationObserver((changes) => changes.forEach(({ addedNodes }) =>
          addedNodes.forEach((node) => window.heard.push(node.textContent))))
          .observe(document.querySelector('#spoken'), { childList: true }); }"""
    )
    ask(page, "Speak to me")
    finished(page)
    expect(page.locator("#announcer")).to_have_text("The answer is complete.")
    heard = page.evaluate("window.heard")
    assert " ".join(heard).split() == words(page)
    assert 1 < len(heard) < 30
    assert all(re.search(r"[.!?:]$", sentence) for sentence in heard[:-1])
    assert page.locator("#turns").get_attribute("aria-live") == "off"


def test_the_page_has_landmarks_names_and_a_way_past_the_bar(page: Page) -> None:
    open_chat(page)
    for role in ("banner", "navigation", "main", "log"):
        expect(page.get_by_role(role)).to_have_count(1)
    expect(page.get_by_role("heading", level=1)).to_have_text("Chat")
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('button, a, input:not([type=hidden]), select, textarea')]
        .filter((node) => !(node.innerText?.trim() || node.ariaLabel || node.labels?.length))
        .map((node) => node.outerHTML)"""
    )
    assert nameless == []
    page.keyboard.press("Tab")
    page.evaluate("document.activeElement.blur(); document.body.focus()")
    page.locator(".skip").focus()
    expect(page.locator(".skip")).to_be_in_viewport()


def test_a_drawer_on_phones_opens_and_closes_by_key(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 780})
    open_chat(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.focus("#menu")
    page.keyboard.press("Enter")
    expect(page.locator("#new")).to_be_focused()
    expect(page.get_by_role("button", name="Sign out")).to_be_in_viewport()
    page.keyboard.press("Escape")
    expect(page.locator("#side")).to_be_hidden()
    expect(page.locator("#menu")).to_be_focused()


def test_the_theme_is_kept_and_there_before_the_page_is_painted(page: Page) -> None:
    open_chat(page)
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.get_by_role("button", name="Theme").click()
    dark = page.evaluate(background)
    assert dark != light
    page.add_init_script(
        "addEventListener('DOMContentLoaded', () => { window.first = document.documentElement.dataset.theme })"
    )
    page.reload()
    assert page.evaluate("window.first") == "dark"
    assert page.evaluate(background) == dark


def test_text_has_the_contrast_that_wcag_asks_for(page: Page) -> None:
    open_chat(page)
    ask(page, "Speak to me")
    finished(page)
    for _ in range(2):
        low = page.evaluate(CONTRAST)
        assert low == []
        page.get_by_role("button", name="Theme").click()


CONTRAST = """() => {
  const paint = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgb = (color) => { paint.clearRect(0, 0, 1, 1); paint.fillStyle = color; paint.fillRect(0, 0, 1, 1);
    return [...paint.getImageData(0, 0, 1, 1).data]; };
  const light = (color) => rgb(color).slice(0, 3).map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = (node) => { for (let at = node; at; at = at.parentElement) {
    const color = getComputedStyle(at).backgroundColor; if (rgb(color)[3] === 255) return color; } return 'white'; };
  const low = [];
  for (const node of document.querySelectorAll('body *')) {
    const text = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
    if (!text || node.disabled || !node.checkVisibility() || node.matches('script, option')) continue;
    const [one, other] = [light(getComputedStyle(node).color), light(behind(node))].sort((a, b) => b - a);
    if ((one + 0.05) / (other + 0.05) < 4.5) low.push(`${node.outerHTML.slice(0, 80)}: ${(one + 0.05) / (other + 0.05)}`);
  }
  return low;
}"""


def test_the_policy_lets_nothing_run_that_is_not_a_file_of_the_site(page: Page) -> None:
    response = page.goto("/")
    assert response is not None
    policy = response.headers["content-security-policy"]
    assert "unsafe-inline" not in policy
    assert "unsafe-eval" not in policy.replace("wasm-unsafe-eval", "")
    inline = page.evaluate(
        """() => [...document.querySelectorAll('*')]
        .filter((node) => node.matches('style, [style], script:not([src], [type="application/json"])') ||
          [...node.attributes].some(({ name }) => name.startsWith('on'))).map((node) => node.outerHTML)"""
    )
    assert inline == []


def test_arabic_says_all_in_arabic(page: Page) -> None:
    open_chat(page)
    page.get_by_role("button", name="العربية").click()
    expect(page.locator("#line")).to_contain_text("متصل")
    ask(page, "Speak to me")
    finished(page)
    latin = page.evaluate(
        """() => {
          const texts = [];
          const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
          const apart = 'script, .words, .heading h2, #spoken, #conversations, .model, [lang=en]';
          while (walk.nextNode()) {
            const { data, parentElement } = walk.currentNode;
            if (!parentElement.closest(apart) && /[A-Za-z]{3}/.test(data)) texts.push(data.trim());
          }
          return texts;
        }"""
    )
    assert set(latin) <= {"AURA", "nano", "fast", "smart", "genius", *[text for text in latin if "Brotli" in text]}
