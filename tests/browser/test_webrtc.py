"""The chat over a WebRTC data channel, in a real browser."""

import re
import signal
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.live import LiveServer
from tests.streaming.rtc_line import without_aiortc

pytestmark = pytest.mark.browser


def transports(server: LiveServer) -> list[str]:
    return [session["transport"] for session in server.get("/api/streaming/sessions")[2]["sessions"]]


def open_chat(page: Page) -> None:
    page.goto("/?transport=webrtc")
    expect(page.locator("#line")).to_have_attribute("data-state", "connected")


def ask(page: Page, text: str, tier: str) -> None:
    page.select_option("#tier", tier)
    page.fill("#question", text)
    page.press("#question", "Enter")


def words(page: Page) -> list[str]:
    answer = page.locator(".turn.assistant").last
    expect(answer).not_to_have_class(re.compile("pending"))
    return answer.locator(".words").inner_text().split()


def test_the_chat_speaks_over_a_data_channel(own_page: Page, own_server: LiveServer) -> None:
    open_chat(own_page)
    assert transports(own_server) == ["webrtc"]
    ask(own_page, "Speak to me", "nano")
    assert len(words(own_page)) == 60
    # A long text, so cut into datagrams in both directions.
    text = " ".join(f"word{number * 7919 % 99991}" for number in range(1000))
    ask(own_page, text, "fast")
    assert words(own_page) == text.split()
    # The choice is remembered until another one is made.
    own_page.goto("/")
    expect(own_page.locator("#line")).to_have_attribute("data-state", "connected")
    assert transports(own_server)[-1] == "webrtc"
    own_page.goto("/?transport=websocket")
    expect(own_page.locator("#line")).to_have_attribute("data-state", "connected")
    assert transports(own_server)[-1] == "websocket"


def test_a_restart_in_mid_answer_ends_in_the_same_whole(own_page: Page, own_server: LiveServer) -> None:
    open_chat(own_page)
    own_page.select_option("#mode", "2")
    ask(own_page, "Speak to me", "nano")
    own_page.wait_for_function("() => document.querySelector('.turn.assistant .words').innerText.length > 40")
    own_server.stop(signal.SIGTERM)
    own_server.start()
    assert len(words(own_page)) == 60
    expect(own_page.locator("#line")).to_have_attribute("data-state", "connected")
    ask(own_page, "And again", "nano")
    assert len(words(own_page)) == 60
    assert transports(own_server) == ["webrtc"]


def test_a_reload_in_mid_answer_goes_on_to_the_same_whole(own_page: Page) -> None:
    open_chat(own_page)
    own_page.select_option("#mode", "2")
    ask(own_page, "Speak at length", "smart")
    own_page.wait_for_function(
        "() => document.querySelector('.turn.assistant .words').innerText.split(/\\s+/).length > 40"
    )
    own_page.reload()
    assert len(words(own_page)) == 400


def test_without_the_library_the_page_says_so_and_does_not_try_for_ever(
    own_page: Page, own_server: LiveServer, tmp_path: Path
) -> None:
    own_server.stop()
    without_aiortc(own_server, tmp_path)
    own_server.start()
    own_page.goto("/?transport=webrtc")
    expect(own_page.locator("#line")).to_have_attribute("data-state", "refused")
    assert transports(own_server) == []
