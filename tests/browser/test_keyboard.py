"""Chat, console and datasets walked through by Tab: where one comes is seen, and said; Escape closes what was opened."""

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect

from tests.browser.test_chat import ask, finished, open_chat
from tests.browser.test_console import open_console
from tests.browser.visits import SAID

pytestmark = pytest.mark.browser

# What can be come to by Tab: of a group with one stop (tabs, radio buttons) the one that stands in the order.
STOPS = """() => [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex]')]
  .filter((one) => one.tabIndex >= 0 && !one.disabled && one.checkVisibility({ visibilityProperty: true })).length"""
# The one that has the focus; what is not as it should be with it: hidden, under something, its focus not to be seen.
HERE = """() => {
  const one = document.activeElement;
  if (one === document.body || one === document.documentElement) return null;
  // Of a link in two lines its first.
  const [box, style] = [one.getClientRects()[0] ?? one.getBoundingClientRect(), getComputedStyle(one)];
  const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
  const [top, label] = [document.elementFromPoint(x, y), one.labels?.[0]];
  const wrong = [];
  const seen = one.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  if (!seen || box.width * box.height < 4) wrong.push("hidden");
  if (x < 0 || y < 0 || x > innerWidth || y > innerHeight) wrong.push("outside of the window");
  else if (!(one.contains(top) || label?.contains(top))) wrong.push(`under ${top?.outerHTML.slice(0, 80)}`);
  if (!(style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1)) wrong.push("no focus to be seen");
  return { what: one.outerHTML.slice(0, 160), wrong };
}"""


def said(session: CDPSession) -> str:
    """Return what a screen reader calls the element that has the focus, empty when it has no name for it."""
    found = session.send("Runtime.evaluate", {"expression": "document.activeElement"})["result"]["objectId"]
    tree: dict[str, Any] = session.send("Accessibility.getPartialAXTree", {"objectId": found, "fetchRelatives": False})
    return str(tree["nodes"][0].get("name", {}).get("value", "")).strip()


def walk(page: Page) -> list[str]:
    """Press Tab from the beginning of a page to its end; return what is wrong on the way."""
    session = page.context.new_cdp_session(page)
    # As after loading: the next Tab goes to the first stop.
    page.evaluate("document.activeElement.blur(), getSelection().removeAllRanges(), scrollTo(0, 0)")
    page.evaluate(
        "const end = document.createElement('i'); document.body.prepend(end); end.tabIndex = -1; end.focus(); end.remove()"
    )
    wrong, stops = [], 0
    while True:
        page.keyboard.press("Tab")
        here = page.evaluate(HERE)
        if here is None or stops > 300:
            break
        stops += 1
        wrong += [f"{one}: {here['what']}" for one in here["wrong"]]
        if not said(session):
            wrong.append(f"no name: {here['what']}")
    session.detach()
    there = page.evaluate(STOPS)
    return wrong if stops == there else [*wrong, f"{stops} of {there} stops"]


def opened_and_closed(page: Page, opener: str, opened: str) -> None:
    """Open something by key, look that it has come, and close it by Escape: the focus is where it was."""
    page.locator(opener).focus()
    page.keyboard.press("Enter")
    expect(page.locator(opened)).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(opened)).to_be_hidden()
    expect(page.locator(opener)).to_be_focused()


def test_the_chat(page: Page) -> None:
    open_chat(page)
    assert walk(page) == []
    ask(page, SAID, "fast")
    finished(page)
    assert walk(page) == []
    opened_and_closed(page, "#keys", "dialog")
    for place in range(page.locator("#heading [data-do] button").count()):
        button = page.locator("#heading [data-do] button").nth(place)
        if button.inner_text() in ("Rename", "Share"):
            opened_and_closed(page, f"#heading [data-do] button >> nth={place}", "dialog")
    opened_and_closed(page, ".turn.user [data-do=edit]", ".editor")
    opened_and_closed(page, ".turn.assistant [aria-expanded] >> nth=-1", ".turn.assistant .details")


def test_the_console(page: Page) -> None:
    open_console(page)
    assert walk(page) == []
    for tab in ("heart", "topics", "numbers", "keys"):
        page.click(f"#tab-{tab}")
        assert walk(page) == [], tab
    for number in range(page.locator("[data-hint]:visible").count()):
        hint = page.locator("[data-hint]:visible").nth(number)
        opened_and_closed(page, f"[data-hint]:visible >> nth={number}", f"#{hint.get_attribute('aria-controls')}")


def test_the_documentation(page: Page) -> None:
    page.goto("/docs/ar/how-to/voice.html")
    assert walk(page) == []


def test_the_datasets(page: Page) -> None:
    page.goto("/datasets/")
    assert walk(page) == []
    page.fill("#text", "the membranes read this " * 200)
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#state")).to_contain_text("Done")
    assert walk(page) == []


def test_the_walker_sees_what_is_wrong(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content(
        """<style>:focus-visible { outline: none }</style><button style="opacity: 0">a</button><button></button>
        <button style="position: fixed; left: -9rem">b</button><p style="position: absolute; inset: 0"></p>"""
    )
    found = {re.split(": | <", line)[0] for line in walk(page)}
    assert found == {"hidden", "no name", "outside of the window", "under", "no focus to be seen"}
    page.close()
