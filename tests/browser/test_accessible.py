"""axe-core looks at every page, in both languages and both themes, on a phone and on a desk."""

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PATIENCE
from tests.browser.visits import SHAPES, VISITS, Visit, context, furnish
from tests.live import LiveServer

pytestmark = pytest.mark.browser

# Widgets that are Django's own, with faults of Django's own: two lists to choose from, a date with its time, a choice that
# is searched, the column of rows within a form that has no head. What stands around them is AURA's and is looked at.
DJANGOS = [".selector", ".datetime", ".select2-container", ".tabular th.original"]
LOOK = """exclude => axe.run({ exclude }, { resultTypes: ["violations"] }).then(({ violations }) =>
  violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, html }) => `${id}: ${help}: ${target}: ${html.slice(0, 200)}`)))"""
# Each language and each theme once in either shape for what most people see, once each for the others: all eight
# find no more.
OFTEN = {"sign-in", "chat", "conversation", "console", "dashboard", "docs-page"}
WAYS = [("en", "light", "desk"), ("ar", "dark", "phone"), ("en", "dark", "phone"), ("ar", "light", "desk")]
# A list is seen whole: at a desk in its columns, on a phone a card for each row.
CUT = "[...document.querySelectorAll('#changelist .results')].some((one) => one.scrollWidth > one.clientWidth + 1)"
furnished: set[str] = set()


@pytest.fixture
def furnished_live(live: LiveServer) -> LiveServer:
    """The shared server, with something said on it."""
    if live.url not in furnished:
        furnish(live)
        furnished.add(live.url)
    return live


def violations(page: Page) -> list[str]:
    """Return what axe finds wrong, one line a place."""
    page.evaluate(AXE_SCRIPT)
    return list(page.evaluate(LOOK, DJANGOS))


@pytest.mark.parametrize("visit", VISITS, ids=lambda visit: visit.name)
def test_nothing_keeps_anybody_out(browser: Browser, furnished_live: LiveServer, visit: Visit) -> None:
    expect.set_options(timeout=PATIENCE)
    found = []
    for language, theme, shape in WAYS[: 4 if visit.name in OFTEN else 2]:
        made = context(browser, furnished_live, visit, language, theme, SHAPES[shape])
        page = made.new_page()
        visit.go(page, language)
        found += [f"{language} {theme} {shape}: {line}" for line in violations(page)]
        if page.evaluate("document.documentElement.scrollWidth > window.innerWidth + 1"):
            found.append(f"{language} {theme} {shape}: wider than the window")
        if page.evaluate(CUT):
            found.append(f"{language} {theme} {shape}: the list is wider than its place")
        made.close()
    assert found == [], "\n".join(found)


def test_the_looker_sees_what_is_wrong(browser: Browser, live: LiveServer) -> None:
    page = browser.new_page()
    page.set_content(
        "<title>x</title><main><h1>x</h1><img src=x><p style='color:#ccc;background:#fff'>faint</p></main>"
    )
    assert {line.split(":")[0] for line in violations(page)} >= {"image-alt", "color-contrast", "html-has-lang"}
    page.close()
