"""A real browser on a real server."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from aura_site.launcher import checks
from tests.live import LiveServer

# Without these Chromium asks its maker's servers for this and that at every start.
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip

# Milliseconds for what is awaited to come: a test that passes does not need them.
PATIENCE = 20_000
# What is complained of when a server is killed on purpose, drains, or lacks a library.
EXPECTED = ("WebSocket connection", "ERR_CONNECTION", "status of 501", "status of 503")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, or what AURA_CHROMIUM names. Ended with its module: its event loop must not meet other tests'."""
    path = checks.chromium()
    assert path, "no Chromium: install it, or name it in AURA_CHROMIUM"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser, live: LiveServer) -> Iterator[Page]:
    """A page signed in as `ada`, which fails its test when the browser complains of anything."""
    yield from signed_in(browser, live)


@pytest.fixture
def own_page(browser: Browser, own_server: LiveServer) -> Iterator[Page]:
    """The same on a server of this test alone."""
    yield from signed_in(browser, own_server)


def signed_in(browser: Browser, live: LiveServer) -> Iterator[Page]:
    """Yield a page for `ada`; afterwards check that nothing was complained of."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, base_url=live.url)
    context.add_cookies([{"name": "sessionid", "value": live.users["ada"]["session"], "url": live.url}])
    made = context.new_page()
    made.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    complaints: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    made.on("console", listen)
    made.on("pageerror", lambda error: complaints.append(str(error)))
    yield made
    context.close()
    assert [text for text in complaints if not any(words in text for words in EXPECTED)] == []
