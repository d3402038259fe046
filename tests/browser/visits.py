"""Every page of AURA, and how to come there: for pictures, and for whoever looks at all of them."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from urllib.request import Request, urlopen

from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.live import LiveServer

LANGUAGES = ("en", "ar")
THEMES = ("light", "dark")
SHAPES = {"phone": (390, 844), "desk": (1280, 800)}
# What is said in the conversation that the pages show, so that they show something of every kind.
SAID = """Here is how, in **three** steps:

1. Open the file.
2. Read a line, as in `next(file)`.

| step | takes |
| --- | --- |
| open | 1 ms |
| read | 2 ms |

```python
with open("a.txt") as file:
    print(next(file))
```

> Every answer stands on the record."""
QUESTION = "What is the capital of France?"


def _nothing(_page: Page) -> None:
    """A page that is ready when it has loaded."""


def _connected(page: Page) -> None:
    expect(page.locator("#line")).to_have_attribute("data-state", "connected")


def _conversation(page: Page) -> None:
    _connected(page)
    page.locator("#conversations a").first.evaluate("link => link.click()")
    expect(page.locator(".turn.assistant .words").last).not_to_be_empty()


def _editing(page: Page) -> None:
    """A question with two versions, which is about to be edited."""
    _conversation(page)
    page.locator(".turn.assistant [data-do=retry]").last.click()
    expect(page.locator(".versions")).to_be_visible()
    expect(page.locator(".turn.assistant.pending")).to_have_count(0)
    page.locator(".turn.user [data-do=edit]").last.click()
    expect(page.locator(".editor textarea")).to_be_focused()


def _console(page: Page) -> None:
    _connected(page)
    page.fill("#question", QUESTION)
    page.press("#question", "Enter")
    expect(page.locator("#answers > .answer[data-state=done]").first).to_be_visible()


def _figures(page: Page) -> None:
    expect(page.locator("#models tr").first).to_be_visible()


def _purposeful(page: Page) -> None:
    """Open the newest conversation in the admin, and say why when that is asked."""
    page.locator("#result_list tbody a").first.click()
    _say_why(page)
    expect(page.locator(".record-text").first).to_be_visible()


def _say_why(page: Page) -> None:
    if "/purpose/" in page.url:
        page.locator("input[type=radio]").first.check()
        page.locator(".submit-row input").click()


def _first(page: Page) -> None:
    page.locator("#result_list tbody a").first.click()
    page.wait_for_load_state()
    _say_why(page)


@dataclass(frozen=True, slots=True)
class Visit:
    """A page: where it is, whether one has signed in, and what to do there before it is looked at."""

    name: str
    path: str
    signed_in: bool = True
    ready: Callable[[Page], None] = _nothing

    def go(self, page: Page, language: str) -> None:
        """Be there. Pages whose address says no language are in that of the browser's cookie."""
        page.goto(self.path.format(language=language))
        self.ready(page)


def _admin(*names: str) -> list[Visit]:
    """The list of each kind of thing in the admin."""
    return [Visit(f"admin-list-{name.rpartition('/')[2]}", f"/admin/{name}/") for name in names]


VISITS = [
    Visit("sign-in", "/sign-in/", signed_in=False),
    Visit("link-over", "/sign-in/link/none", signed_in=False),
    Visit("not-found", "/nothing-is-here", signed_in=False),
    Visit("password", "/password/"),
    Visit("chat", "/", ready=_connected),
    Visit("conversation", "/", ready=_conversation),
    Visit("editing", "/", ready=_editing),
    Visit("console", "/console/", ready=_console),
    Visit("datasets", "/datasets/"),
    Visit("dashboard", "/dashboard/", ready=_figures),
    Visit("docs", "/docs/{language}/", signed_in=False),
    Visit("docs-page", "/docs/{language}/how-to/voice.html", signed_in=False),
    Visit("admin", "/admin/"),
    Visit("admin-conversation", "/admin/audit/conversation/", ready=_purposeful),
    Visit("admin-purpose", "/admin/audit/conversation/purpose/"),
    Visit("admin-figures", "/admin/audit/conversation/dashboard/"),
    Visit("admin-subject", "/admin/audit/subject/", ready=_first),
    Visit("admin-cost", "/admin/routing_ai/spend/report/"),
    Visit("admin-add-budget", "/admin/routing_ai/budget/add/"),
    Visit("admin-add-route", "/admin/bridges/route/add/"),
    Visit("admin-add-user", "/admin/auth/user/add/"),
    Visit("admin-key", "/admin/routing_ai/apikey/", ready=_first),
    Visit("admin-library", "/admin/compression/library/", ready=_first),
    *_admin(
        "audit/conversation", "audit/entry", "audit/checkpoint", "audit/subject", "audit/hold", "audit/retentionpolicy",
        "audit/receipt", "audit/rule", "audit/flag", "audit/savedfilter", "compression/candidate", "compression/template",
        "compression/library", "compression/discoveryrun", "routing_ai/budget", "routing_ai/tiermodel", "routing_ai/spend",
        "routing_ai/apikey", "bridges/route", "bridges/outgoing", "bridges/deadletter", "bridges/position",
        "streaming/datasetjob", "auth/user", "auth/group",
    ),
]  # fmt: skip


def context(
    browser: Browser, live: LiveServer, visit: Visit, language: str, theme: str, shape: tuple[int, int]
) -> BrowserContext:
    """Return a browser's context of that language, theme and size, signed in as `ada` if the page needs it."""
    made = browser.new_context(
        viewport={"width": shape[0], "height": shape[1]},
        base_url=live.url,
        color_scheme="dark" if theme == "dark" else "light",
        reduced_motion="reduce",
    )
    cookies = {"django_language": language, **({"sessionid": live.users["ada"]["session"]} if visit.signed_in else {})}
    made.add_cookies([{"name": name, "value": value, "url": live.url} for name, value in cookies.items()])
    made.set_default_timeout(20_000)
    return made


def furnish(live: LiveServer) -> None:
    """Have something said on a server, so that its pages have something to show."""
    for text, tier in ((QUESTION, "nano"), (SAID, "fast")):
        body = json.dumps({"text": text, "model": tier}).encode()
        headers = {"Authorization": f"Bearer {live.key}", "Content-Type": "application/json"}
        with urlopen(Request(f"{live.url}/ai/chat", body, headers), timeout=60) as answer:
            assert answer.read()
