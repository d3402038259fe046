"""The dashboard: live figures for staff, on a desk and on a phone, in both languages."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.live import LiveServer

pytestmark = pytest.mark.browser


def ask(live: LiveServer) -> None:
    assert live.get("/api/v1/stream/chat?q=Speak&model=nano")[0] == 200


def test_staff_see_what_happens(page: Page, live: LiveServer) -> None:
    ask(live)
    page.goto("/dashboard/")
    # No worker runs here.
    expect(page.locator("#state")).to_have_text("Not well: Worker")
    expect(page.locator("#models tr").filter(has_text="mock-60-10")).to_be_visible()
    expect(page.locator("#tile-first")).not_to_have_text("–")
    expect(page.locator("#tile-spend")).to_contain_text("$")
    expect(page.get_by_role("meter", name="everybody")).to_be_visible()
    ask(live)
    expect(page.locator("#tile-speed")).not_to_have_text("–")
    expect(page.get_by_role("img", name="Tokens a second, at most")).to_be_visible()


def test_on_a_phone_and_in_arabic_nothing_is_cut_off(page: Page, live: LiveServer) -> None:
    ask(live)
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto("/dashboard/")
    for direction in ("ltr", "rtl"):
        expect(page.locator("html")).to_have_attribute("dir", direction)
        expect(page.locator("#models tr").first).to_be_attached()
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide == 0
        if direction == "ltr":
            page.get_by_role("button", name="العربية").click()
    expect(page.locator("#state")).to_contain_text("العامل")
    expect(page.locator("#chart-lag .peak")).to_have_text(re.compile(r"^حتى [\d.]+ م\.ث$"))
    expect(page.get_by_role("meter", name="الجميع")).to_be_attached()
    assert page.locator("#tile-lag").evaluate("node => getComputedStyle(node).direction") == "rtl"


def test_others_do_not(live: LiveServer) -> None:
    eve = live.users["eve"]
    for path, status in (("/dashboard/", 403), ("/dashboard/figures", 403)):
        assert live.get(path, eve["key"])[0] == status
    assert live.get("/dashboard/figures", "")[0] == 401
    assert live.get("/dashboard/figures")[2]["ready"]["database"] is True
