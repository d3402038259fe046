"""Conversations as their users keep them: searched, named, taken off the list, shared, looked into, printed."""

import base64
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, WebSocketRoute, expect

from tests.browser.test_chat import answer, ask, finished, open_chat, words
from tests.live import LiveServer

pytestmark = pytest.mark.browser


@pytest.fixture
def eves_page(browser: Browser, live: LiveServer) -> Iterator[Page]:
    """A page signed in as `eve`, who is no staff."""
    context = browser.new_context(base_url=live.url)
    context.add_cookies([{"name": "sessionid", "value": live.users["eve"]["session"], "url": live.url}])
    yield context.new_page()
    context.close()


def converse(page: Page, text: str) -> None:
    open_chat(page)
    page.click("#new")
    ask(page, text, "fast")
    finished(page)
    expect(page.locator("#heading h2")).to_have_text(text)


def test_two_tabs_on_a_conversation_show_the_same(page: Page) -> None:
    converse(page, "Where do okapis live?")
    other = page.context.new_page()
    other.goto(page.url)
    expect(other.locator("#line")).to_have_attribute("data-state", "connected")
    expect(answer(other).locator(".words")).to_have_text("Where do okapis live?")
    other.select_option("#mode", "2")
    ask(other, "Speak at length", "smart")
    # The tab that was there first sees the question and reads its answer as it comes.
    expect(page.locator(".turn.user .words").last).to_have_text("Speak at length")
    expect(answer(page)).to_have_class(re.compile("pending"))
    page.click("#stop")
    finished(page)
    finished(other)
    said = answer(other).locator(".words").inner_text()
    expect(answer(page).locator(".words")).to_have_text(said)
    # What one asks then stands behind that in both.
    ask(page, "And tapirs?", "fast")
    finished(page)
    expect(answer(other).locator(".words")).to_have_text("And tapirs?")
    questions = ["Where do okapis live?", "Speak at length", "And tapirs?"]
    expect(other.locator(".turn.user .words")).to_have_text(questions)
    # Another version, too; who looks at an old one goes on looking at it.
    page.locator(".turn.user [data-do=edit]").last.click()
    page.locator(".editor textarea").fill("And zebras?")
    page.locator(".editor textarea").press("Enter")
    finished(page)
    expect(other.locator(".turn.user .words").last).to_have_text("And zebras?")
    other.get_by_label("Version before this one").click()
    expect(other.locator(".turn.user .words").last).to_have_text("And tapirs?")
    ask(page, "And horses?", "fast")
    finished(page)
    expect(page.locator(".turn.user .words").last).to_have_text("And horses?")
    expect(other.locator(".turn.user .words").last).to_have_text("And tapirs?")


def test_what_was_asked_on_another_device_is_there_when_the_page_comes_to_the_front(
    page: Page, browser: Browser, live: LiveServer
) -> None:
    converse(page, "Where do okapis live?")
    device = browser.new_context(base_url=live.url, storage_state=page.context.storage_state())
    other = device.new_page()
    other.goto(page.url)
    expect(other.locator("#line")).to_have_attribute("data-state", "connected")
    ask(other, "And tapirs?", "fast")
    finished(other)
    device.close()
    expect(page.locator(".turn")).to_have_count(2)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(answer(page).locator(".words")).to_have_text("And tapirs?")
    expect(page.locator(".turn")).to_have_count(4)


def test_what_was_asked_on_another_device_is_there_when_the_line_is_back(
    page: Page, browser: Browser, live: LiveServer
) -> None:
    lines: list[WebSocketRoute] = []
    away = False

    def route(socket: WebSocketRoute) -> None:
        lines.append(socket)
        if away:
            socket.close(code=4102, reason="busy")
        else:
            socket.connect_to_server()

    page.route_web_socket("**/ws/chat/", route)
    converse(page, "Where do okapis live?")
    away = True
    lines[-1].close(code=1011)
    expect(page.locator("#banner")).to_be_visible()
    device = browser.new_context(base_url=live.url, storage_state=page.context.storage_state())
    other = device.new_page()
    other.goto(page.url)
    expect(other.locator("#line")).to_have_attribute("data-state", "connected")
    ask(other, "And tapirs?", "fast")
    finished(other)
    device.close()
    expect(page.locator(".turn")).to_have_count(2)
    away = False
    page.evaluate("document.querySelector('#line button').click()")
    expect(answer(page).locator(".words")).to_have_text("And tapirs?")
    expect(page.locator(".turn")).to_have_count(4)


def test_a_search_finds_words_of_answers_and_titles(page: Page) -> None:
    converse(page, "The zephyr blows gently")
    converse(page, "A quagga grazes")
    listed = page.locator("#conversations a")
    # The index of words follows the answer by a second or so; titles are found at once.
    page.fill("#search", "quagg")
    expect(listed).to_have_text(["A quagga grazes"])
    expect(page.locator("#found")).to_have_text("Conversations found: 1")
    page.fill("#search", "no such words")
    expect(page.locator("#conversations")).to_have_text("Nothing found")
    page.press("#search", "Escape")
    expect(page.locator("#search")).to_have_value("")
    expect(listed.first).to_have_text("A quagga grazes")
    page.fill("#search", "gently ZEPHYR")
    for _ in range(50):
        if listed.count() == 1:
            break
        page.wait_for_timeout(400)
        page.locator("#search").dispatch_event("input")
    expect(listed).to_have_text(["The zephyr blows gently"])


def test_a_conversation_is_named_taken_off_the_list_and_put_back(page: Page) -> None:
    converse(page, "Something to be named")
    page.locator("#heading").get_by_role("button", name="Rename").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.type("A better <name>")
    page.keyboard.press("Enter")
    expect(page.locator("#heading h2")).to_have_text("A better <name>")
    first = page.locator("#conversations a").first
    expect(first).to_have_text("A better <name>")
    expect(page).to_have_title("A better <name> · AURA")
    page.locator("#heading").get_by_role("button", name="Take off the list").click()
    expect(page.locator("#notice")).to_contain_text("The record keeps it.")
    expect(first).not_to_have_text("A better <name>")
    expect(page.locator("#heading")).to_be_hidden()
    page.locator("#notice").get_by_role("button", name="Undo").click()
    expect(first).to_have_text("A better <name>")


def test_a_name_that_is_not_given_changes_nothing(page: Page) -> None:
    converse(page, "Named as it is")
    page.locator("#heading").get_by_role("button", name="Rename").click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator("#heading h2")).to_have_text("Named as it is")
    expect(page.locator("#heading").get_by_role("button", name="Rename")).to_be_focused()


def test_a_link_is_read_by_others_until_it_is_revoked(page: Page, eves_page: Page) -> None:
    converse(page, "Read this, Eve")
    page.locator("#heading").get_by_role("button", name="Share").click()
    page.get_by_role("button", name="Make a link").click()
    link = page.get_by_label("Link").input_value()
    eves_page.goto(link)
    expect(eves_page.locator("#by")).to_contain_text("Shared by ada")
    expect(eves_page.locator(".turn .words")).to_have_text(["Read this, Eve", "Read this, Eve"])
    expect(eves_page.locator(".turn").get_by_role("button", name=re.compile("Edit|Ask again"))).to_have_count(0)
    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_label("Link")).to_have_count(0)
    eves_page.reload()
    expect(eves_page.locator("#by")).to_have_text("This link does not count, or does not count any more.")
    expect(eves_page.locator(".turn")).to_have_count(0)


def test_the_details_of_an_answer_say_why_and_prove_that_it_is_recorded(page: Page) -> None:
    converse(page, "Prove this")
    opener = answer(page).get_by_role("button", name="Details")
    opener.click()
    details = answer(page).locator(".details")
    expect(details.locator(".proven")).to_contain_text(
        re.compile(r"\d+ of \d+ entries of this turn are under the signed head")
    )
    expect(details).to_contain_text("asked for")
    expect(details).to_contain_text("echo")
    expect(opener).to_have_attribute("aria-expanded", "true")
    opener.click()
    expect(details).to_have_count(0)
    page.route("**/api/v1/answers/*", lambda route: route.fulfill(json=spoiled(route.fetch().json())))
    opener.click()
    expect(details.locator(".unproven")).to_contain_text("tell the operator")


def spoiled(found: dict) -> dict:
    """Return what a server would say that has changed an entry."""
    found["proof"]["entries"][0]["hash"] = "00" * 32
    return found


def test_the_keys_do_what_their_list_says_and_can_be_turned_off(page: Page) -> None:
    converse(page, "Once")
    page.locator("#main").focus()
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Show the keys")
    page.keyboard.press("n")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    page.locator("#main").focus()
    page.keyboard.press("e")
    expect(page.locator(".editor textarea")).to_have_value("Once")
    page.keyboard.type("n/?")
    expect(page.locator(".editor textarea")).to_have_value("Oncen/?")
    page.keyboard.press("Escape")
    page.locator("#main").focus()
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.locator("#main").focus()
    page.keyboard.press("r")
    expect(page.locator(".versions")).to_have_text("‹2/2›")
    finished(page)
    page.locator("#keys").click()
    dialog.get_by_role("checkbox").uncheck()
    dialog.get_by_role("button", name="Close").click()
    page.locator("#main").focus()
    page.keyboard.press("n")
    page.keyboard.press("?")
    expect(dialog).to_have_count(0)
    expect(page.locator(".turn.assistant")).to_have_count(1)


def test_without_a_line_a_banner_says_what_happens_and_the_rest_comes_by_itself(page: Page) -> None:
    lines: list[WebSocketRoute] = []
    blocked = False

    def route(socket: WebSocketRoute) -> None:
        if blocked:
            socket.close(code=4102, reason="busy")
        else:
            lines.append(socket)
            socket.connect_to_server()

    page.route_web_socket("**/ws/chat/", route)
    open_chat(page)
    banner = page.locator("#banner")
    expect(banner).to_be_hidden()
    blocked = True
    lines[0].close(code=4100, reason="")
    expect(banner).to_contain_text("What you ask meanwhile is sent as soon as it is back.")
    ask(page, "Asked without a line", "fast")
    blocked = False
    finished(page)
    expect(banner).to_be_hidden()
    expect(page.locator("#notice")).to_contain_text("The line is back")
    assert words(page) == ["Asked", "without", "a", "line"]


def test_on_paper_there_are_words_and_nothing_to_press(page: Page) -> None:
    converse(page, "To be printed")
    page.emulate_media(media="print")
    for part in ("#side", "#composer", ".bar", "#heading [data-do]"):
        expect(page.locator(part)).to_be_hidden()
    assert page.locator("button:visible").count() == 0
    for part in ("#heading h2", ".turn.user .words", ".turn.assistant .words"):
        expect(page.locator(part)).to_be_visible()
    # The page is as long as the conversation, not as the screen.
    assert page.evaluate("getComputedStyle(document.querySelector('#main')).overflowY") == "visible"


def test_files_of_text_go_with_a_question_and_others_say_why_not(page: Page) -> None:
    open_chat(page)

    def attach(name: str, kind: str, data: bytes) -> None:
        page.set_input_files("#file", [{"name": name, "mimeType": kind, "buffer": data}])

    attach("cat.png", "image/png", b"\x89PNG")
    expect(page.locator("#notice")).to_contain_text("cat.png: this is no picture that can be read")
    attach("data.bin", "application/octet-stream", b"\0\1\2")
    expect(page.locator("#notice")).to_contain_text("data.bin: only files of text")
    attach("large.txt", "text/plain", b"x" * 300_000)
    expect(page.locator("#notice")).to_contain_text("large.txt: a question takes files of 230 KB at most.")
    expect(page.locator("#files")).to_be_hidden()
    attach("one.txt", "text/plain", b"away with it")
    page.get_by_role("button", name="Take one.txt away").click()
    attach("code.py", "text/x-python", b"print('```')\r\n")
    expect(page.locator("#files li")).to_have_count(1)
    ask(page, "What is this?", "fast")
    finished(page)
    expect(page.locator("#files")).to_be_hidden()
    expect(page.locator(".turn.user .words")).to_have_text("What is this?\n\ncode.py:\n````py\nprint('```')\n````")
    expect(answer(page).locator("pre code")).to_have_text("print('```')")


# Noise, which no coding makes small: as PNG some 12 MB.
NOISE = """async () => {
  const canvas = new OffscreenCanvas(2000, 2000);
  const paper = canvas.getContext("2d");
  const noise = paper.createImageData(2000, 2000);
  let state = 1;
  for (let at = 0; at < noise.data.length; at += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    noise.data[at] = at % 4 === 3 ? 255 : state >>> 24;
  }
  paper.putImageData(noise, 0, 0);
  const bytes = new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += 32_768) text += String.fromCharCode(...bytes.subarray(at, at + 32_768));
  return btoa(text);
}"""


def test_pictures_go_with_a_question_made_small_and_stay_in_the_page_only(page: Page) -> None:
    sent: list[int] = []
    page.on("websocket", lambda line: line.on("framesent", lambda data: sent.append(len(data))))
    open_chat(page)
    picture = base64.b64decode(page.evaluate(NOISE))
    assert len(picture) > 5_000_000
    for name in ("one.png", "two.png"):
        page.set_input_files("#file", [{"name": name, "mimeType": "image/png", "buffer": picture}])
        expect(page.locator("#files li").last).to_contain_text(name)
    ask(page, "What are these?", "fast")
    expect(page.locator(".turn.user .pictures img")).to_have_count(2)
    finished(page)
    assert words(page) == ["What", "are", "these?"]
    assert 20_000 < max(sent) < 262_144
    # Another version of the question has them, too; after a reload there is what the record has of them.
    answer(page).get_by_role("button", name="Ask again").click()
    expect(page.locator(".versions")).to_have_text("‹2/2›")
    finished(page)
    expect(page.locator(".turn.user .pictures img")).to_have_count(2)
    page.reload()
    expect(page.locator(".turn.user .pictures .badge")).to_have_count(2)
    expect(page.locator(".turn.user .words")).to_have_text("What are these?")


def test_the_privacy_page_needs_no_account(browser: Browser, live: LiveServer) -> None:
    context = browser.new_context(base_url=live.url, locale="ar")
    page = context.new_page()
    response = page.goto("/privacy/")
    assert response is not None
    assert response.status == 200
    expect(page.get_by_role("heading", level=1)).to_have_text("الخصوصية")
    expect(page.locator("main")).to_contain_text("mock-60-10")
    context.close()


# What the codec takes: its code, its WebAssembly, its dictionary, its library.
CODEC = re.compile(r"/codec/|/vendor/brotli/|/api/compression/")


def test_the_first_load_is_under_150_kb_before_the_codec(browser: Browser, live: LiveServer) -> None:
    context = browser.new_context(base_url=live.url)
    context.add_cookies([{"name": "sessionid", "value": live.users["ada"]["session"], "url": live.url}])
    page = context.new_page()
    wire = context.new_cdp_session(page)
    wire.send("Network.enable")
    names: dict[str, str] = {}
    sizes: dict[str, int] = {}
    wire.on("Network.responseReceived", lambda event: names.update({event["requestId"]: event["response"]["url"]}))
    wire.on("Network.loadingFinished", lambda event: sizes.update({event["requestId"]: event["encodedDataLength"]}))
    page.goto("/")
    expect(page.locator("#line")).to_have_attribute("data-state", "connected", timeout=20_000)
    page.wait_for_load_state("networkidle")
    loaded = {names[request]: size for request, size in sizes.items() if request in names}
    assert any(url.endswith("/chat/main.js") for url in loaded)
    assert sum(size for url, size in loaded.items() if not CODEC.search(url)) < 150_000, sorted(
        loaded.items(), key=lambda item: -item[1]
    )
    # All modules are named by the page, so that none waits for another that imports it.
    named = page.locator("link[rel=modulepreload]").evaluate_all("links => links.map((link) => link.href)")
    assert {url for url in loaded if url.endswith(".js")} - set(named) <= {f"{live.url}/static/aura/theme.js"}
    # What few people use waits until they do.
    assert not [url for url in loaded if re.search(r"/voice/|webrtc|tex\.js|details\.js|share\.js", url)]
    context.close()
