"""The documentation in a browser: search, languages, phones, and as files without AURA."""

from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from aura_site.documentation import site
from tests.browser.conftest import PATIENCE
from tests.live import LiveServer

pytestmark = pytest.mark.browser


class Quiet(SimpleHTTPRequestHandler):
    """A web server that knows nothing but files."""

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the built site, in a folder of a server that hands out files."""
    root: Path = tmp_path_factory.mktemp("www")
    site.build(root / "aura-docs")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(root)))
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/aura-docs/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def reader(browser: Browser) -> Iterator[Page]:
    """A page of somebody who is not signed in; the browser must complain of nothing and fetch nothing from elsewhere."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    complaints: list[str] = []
    page.on(
        "console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: None if "//127.0.0.1" in request.url else complaints.append(request.url))
    yield page
    context.close()
    assert complaints == []


def look_for(page: Page, words: str) -> None:
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type(words)


def test_a_reader_finds_a_setting_and_goes_there(reader: Page, live: LiveServer) -> None:
    reader.goto(f"{live.url}/docs/")
    look_for(reader, "AURA_VOICE_SILENCE")
    results = reader.locator("#results a")
    expect(results.filter(has_text="Settings")).to_be_visible()
    results.filter(has_text="Settings").first.click()
    reader.wait_for_url("**/docs/en/reference/settings.html#voice")
    expect(reader.locator("#voice")).to_be_in_viewport()
    expect(reader.get_by_role("link", name="Settings", exact=True)).to_have_attribute("aria-current", "page")


def test_a_search_says_when_there_is_nothing_and_when_it_cannot_be_had(reader: Page, live: LiveServer) -> None:
    reader.goto(f"{live.url}/docs/en/how-to/chat.html")
    look_for(reader, "zzzz")
    expect(reader.locator("#found")).to_have_text("Nothing was found.")
    reader.keyboard.press("Escape")
    expect(reader.locator("#found")).to_have_text("")
    reader.keyboard.type("chat")
    expect(reader.locator("#results a").first).to_be_visible()


def test_arabic_is_set_from_the_right_and_leads_to_its_english_page(reader: Page, live: LiveServer) -> None:
    reader.goto(f"{live.url}/docs/ar/how-to/erase-on-request.html")
    side, main = (reader.locator(name).bounding_box() for name in (".docs-side", "main"))
    assert side is not None
    assert main is not None
    assert side["x"] > main["x"]
    direction = "element => getComputedStyle(element).direction"
    assert reader.locator("pre").first.evaluate(direction) == "ltr"
    assert reader.locator("article p").first.evaluate(direction) == "rtl"
    look_for(reader, "الادوار")
    expect(reader.locator("#results a").first).to_be_visible()
    reader.get_by_role("link", name="English").click()
    expect(reader.get_by_role("heading", level=1)).to_have_text("Erase on request")


def test_on_a_phone_the_text_comes_first_and_nothing_is_wider_than_the_screen(reader: Page, live: LiveServer) -> None:
    reader.set_viewport_size({"width": 390, "height": 844})
    for path in ("en/index.html", "en/reference/settings.html", "en/reference/protocol.html", "ar/how-to/voice.html"):
        reader.goto(f"{live.url}/docs/{path}")
        assert reader.evaluate("document.documentElement.scrollWidth") <= 390, path
        expect(reader.get_by_role("heading", level=1)).to_be_in_viewport()
    reader.locator(".to-chapters").click()
    expect(reader.locator("#chapters")).to_be_in_viewport()


def test_the_theme_stays_from_page_to_page(reader: Page, live: LiveServer) -> None:
    reader.goto(f"{live.url}/docs/en/")
    before = reader.evaluate("getComputedStyle(document.body).backgroundColor")
    reader.get_by_role("button", name="Theme").click()
    reader.get_by_role("navigation").get_by_role("link", name="Chat").click()
    expect(reader.get_by_role("heading", level=1)).to_have_text("Use the chat")
    assert reader.evaluate("getComputedStyle(document.body).backgroundColor") != before


def test_the_files_work_at_any_address_without_aura(reader: Page, files: str) -> None:
    reader.goto(files)
    reader.wait_for_url("**/en/index.html")
    expect(reader.get_by_role("link", name="Sign in")).to_have_count(0)
    look_for(reader, "erase_subject")
    reader.locator("#results a").first.click()
    expect(reader.locator("article")).to_contain_text("erase_subject")
    assert reader.evaluate("getComputedStyle(document.querySelector('.docs-grid')).display") == "grid"
    reader.get_by_role("link", name="العربية").click()
    expect(reader.locator("html")).to_have_attribute("dir", "rtl")


def test_listings_are_coloured_and_copied_here_and_as_files(reader: Page, live: LiveServer, files: str) -> None:
    for address in (f"{live.url}/docs/", files):
        reader.goto(f"{address}en/how-to/python-client.html")
        listing = reader.locator(".listing").first
        expect(listing.locator(".t-keyword").first).to_have_text("import")
        assert listing.locator("code").text_content().startswith("import asyncio\nfrom aura_client import Client\n")
        listing.get_by_role("button", name="Copy").click()
        expect(listing.get_by_role("button", name="Copied")).to_be_visible()
    reader.goto(f"{files}ar/how-to/voice.html")
    expect(reader.locator(".listing .copy").first).to_have_text("نسخ")
