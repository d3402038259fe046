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

> Every answer stands on the record, and $\\frac{a}{b} = c^2$.

$$\\sum_{n=1}^{\\infty} \\frac{1}{n^2} = \\frac{\\pi^2}{6}$$"""
QUESTION = "What is the capital of France?"
FOUND = "from tests.compression.found import furnish; furnish()"


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


def _asking(page: Page) -> None:
    """An answer that is being written, with a file for the question after it."""
    _connected(page)
    page.select_option("#tier", "smart")
    page.select_option("#mode", "2")
    page.fill("#question", QUESTION)
    page.press("#question", "Enter")
    expect(page.locator(".turn.assistant .words")).not_to_be_empty()
    page.set_input_files("#file", {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"Bring the keys."})
    expect(page.locator("#files li")).to_be_visible()


def _details(page: Page) -> None:
    """What the record has of an answer."""
    _conversation(page)
    page.locator(".turn.assistant footer .link").last.click()
    expect(page.locator(".details .proven")).to_be_visible()


def _link(page: Page) -> None:
    """The dialog with the links to a conversation."""
    _conversation(page)
    page.locator("#heading [data-do] button").nth(1).click()
    page.locator("dialog .primary").click()
    expect(page.locator("dialog input").first).to_be_visible()


def _shared(page: Page) -> None:
    """What the one sees who was given a link."""
    _link(page)
    page.goto(page.locator("dialog input").first.input_value())
    expect(page.locator(".turn.assistant .words").last).not_to_be_empty()


def _searching(page: Page) -> None:
    """A search that finds nothing, in the drawer where there is one."""
    _connected(page)
    if page.locator("#menu").is_visible():
        page.click("#menu")
    page.fill("#search", "nobody said this")
    expect(page.locator("#conversations .none")).to_be_visible()


def _keys(page: Page) -> None:
    """The keys of the chat."""
    _connected(page)
    page.locator("#keys").evaluate("button => button.click()")
    expect(page.locator("dialog")).to_be_visible()


def _offline(page: Page) -> None:
    """A line that is lost, with a question that waits for it."""
    page.route_web_socket("**/ws/chat/", lambda socket: socket.close(code=4102, reason="busy"))
    page.reload()
    expect(page.locator("#banner")).to_be_visible()
    page.fill("#question", QUESTION)
    page.press("#question", "Enter")


def _voice(page: Page) -> None:
    """The panel of the voice: without a microphone it says so."""
    _connected(page)
    page.click("#voice")
    expect(page.locator("#voice-note")).not_to_be_empty()


def _refused(page: Page) -> None:
    """A password that is wrong."""
    page.fill("#id_username", "ada")
    page.fill("#id_password", "wrong")
    page.press("#id_password", "Enter")
    expect(page.locator(".errorlist")).to_be_visible()


def _stale(page: Page) -> None:
    """A form whose cookie is gone."""
    page.context.clear_cookies(name="csrftoken")
    page.fill("#id_username", "ada")
    page.fill("#id_password", "wrong")
    page.press("#id_password", "Enter")
    expect(page.locator("#id_username")).to_have_count(0)


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
    say_why(page)
    expect(page.locator(".record-text").first).to_be_visible()


def say_why(page: Page, purpose: str = "review", detail: str = "") -> None:
    """State a purpose where the admin asks for it: once a session, before it opens what somebody said."""
    expect(page.locator(".record-text, input[name=why], #content h1").first).to_be_visible()
    if "/purpose/" not in page.url:
        return
    page.locator(f"input[name=why][value='{purpose}']").check()
    page.fill("input[name=detail]", detail)
    page.locator(".submit-row input").click()


def _first(page: Page) -> None:
    page.locator("#result_list tbody a").first.click()
    page.wait_for_load_state()
    say_why(page)


@dataclass(frozen=True, slots=True)
class Visit:
    """A page: where it is, who has signed in, and what to do there before it is looked at."""

    name: str
    path: str
    user: str = "ada"
    ready: Callable[[Page], None] = _nothing

    def go(self, page: Page, language: str) -> None:
        """Be there. Pages whose address says no language are in that of the browser's cookie."""
        page.goto(self.path.format(language=language))
        self.ready(page)


def _admin(*names: str) -> list[Visit]:
    """The list of each kind of thing in the admin."""
    return [Visit(f"admin-list-{name.rpartition('/')[2]}", f"/admin/{name}/") for name in names]


def _forms(*names: str) -> list[Visit]:
    """The form that adds one of each kind of thing."""
    return [Visit(f"admin-add-{name.rpartition('/')[2]}", f"/admin/{name}/add/") for name in names]


VISITS = [
    Visit("sign-in", "/sign-in/", user=""),
    Visit("link-over", "/sign-in/link/none", user=""),
    Visit("not-found", "/nothing-is-here", user=""),
    Visit("sign-in-refused", "/sign-in/", user="", ready=_refused),
    Visit("form-stale", "/sign-in/", user="", ready=_stale),
    Visit("forbidden", "/dashboard/", user="eve"),
    Visit("privacy", "/privacy/", user=""),
    Visit("password", "/password/"),
    Visit("chat", "/", ready=_connected),
    Visit("conversation", "/", ready=_conversation),
    Visit("editing", "/", ready=_editing),
    Visit("asking", "/", ready=_asking),
    Visit("details", "/", ready=_details),
    Visit("links", "/", ready=_link),
    Visit("shared", "/", ready=_shared),
    Visit("searching", "/", ready=_searching),
    Visit("keys", "/", ready=_keys),
    Visit("offline", "/", ready=_offline),
    Visit("voice", "/", ready=_voice),
    Visit("console", "/console/", ready=_console),
    Visit("datasets", "/datasets/"),
    Visit("dashboard", "/dashboard/", ready=_figures),
    Visit("docs", "/docs/{language}/", user=""),
    Visit("docs-page", "/docs/{language}/how-to/voice.html", user=""),
    Visit("admin", "/admin/"),
    Visit("admin-conversation", "/admin/audit/conversation/", ready=_purposeful),
    Visit("admin-entry", "/admin/audit/entry/?kind__exact=done", ready=_first),
    Visit("admin-access", "/admin/audit/entry/?kind__exact=access", ready=_first),
    Visit("admin-checkpoint", "/admin/audit/checkpoint/", ready=_first),
    Visit("admin-retention-due", "/admin/audit/retentionpolicy/due/"),
    Visit("admin-user", "/admin/auth/user/", ready=_first),
    Visit("admin-purpose", "/admin/audit/conversation/purpose/"),
    Visit("admin-figures", "/admin/audit/conversation/dashboard/"),
    Visit("admin-subject", "/admin/audit/subject/", ready=_first),
    Visit("admin-cost", "/admin/routing_ai/spend/report/"),
    Visit("admin-add-budget", "/admin/routing_ai/budget/add/"),
    Visit("admin-add-route", "/admin/bridges/route/add/"),
    *_forms(
        "auth/user", "auth/group", "audit/hold", "audit/retentionpolicy", "audit/rule", "audit/savedfilter",
        "routing_ai/tiermodel", "routing_ai/apikey", "otp_totp/totpdevice", "otp_static/staticdevice",
    ),
    Visit("admin-key", "/admin/routing_ai/apikey/", ready=_first),
    Visit("admin-library", "/admin/compression/library/", ready=_first),
    Visit("admin-candidate", "/admin/compression/candidate/", ready=_first),
    Visit("admin-template", "/admin/compression/template/?o=-1", ready=_first),
    Visit("admin-run", "/admin/compression/discoveryrun/", ready=_first),
    *_admin(
        "audit/conversation", "audit/entry", "audit/checkpoint", "audit/subject", "audit/hold", "audit/retentionpolicy",
        "audit/receipt", "audit/rule", "audit/flag", "audit/savedfilter", "compression/candidate", "compression/template",
        "compression/library", "compression/discoveryrun", "routing_ai/budget", "routing_ai/tiermodel", "routing_ai/spend",
        "routing_ai/apikey", "bridges/route", "bridges/outgoing", "bridges/deadletter", "bridges/position",
        "streaming/datasetjob", "auth/user", "auth/group", "otp_totp/totpdevice", "otp_static/staticdevice",
    ),
]  # fmt: skip


def context(
    browser: Browser, live: LiveServer, visit: Visit, language: str, theme: str, shape: tuple[int, int]
) -> BrowserContext:
    """Return a browser's context of that language, theme and size, signed in as whom the page needs."""
    made = browser.new_context(
        viewport={"width": shape[0], "height": shape[1]},
        base_url=live.url,
        color_scheme="dark" if theme == "dark" else "light",
        reduced_motion="reduce",
    )
    cookies = {"django_language": language, **({"sessionid": live.users[visit.user]["session"]} if visit.user else {})}
    made.add_cookies([{"name": name, "value": value, "url": live.url} for name, value in cookies.items()])
    made.set_default_timeout(20_000)
    return made


def furnish(live: LiveServer) -> None:
    """Have something said on a server, so that its pages have something to show."""
    live.manage("shell", "--verbosity=0", "-c", FOUND)
    for text, tier in ((QUESTION, "nano"), (SAID, "fast")):
        body = json.dumps({"text": text, "model": tier}).encode()
        headers = {"Authorization": f"Bearer {live.key}", "Content-Type": "application/json"}
        with urlopen(Request(f"{live.url}/ai/chat", body, headers), timeout=60) as answer:
            assert answer.read()
