"""Templates as a reviewer decides on them, and a chat that goes over to what was promoted while it runs."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import signed_in
from tests.browser.test_chat import answer, ask, finished
from tests.live import LiveServer

pytestmark = pytest.mark.browser

# Milliseconds for what a library takes that is made and measured on a busy machine.
LONG = 120_000
CANDIDATES = "/admin/compression/candidate/"
LIBRARIES = "/admin/compression/library/"
# A run over the answers of forty users, of which the whole messages are left; and a variant of one of them.
FOUND = """
from compression import proposals, runs
from compression.models import Candidate, Sample
from tests.compression.test_discovery import PARTS, traffic
Sample.objects.bulk_create([Sample(user=user, text=text) for user, text in traffic(600)])
runs.carry_out(runs.begin())
Candidate.objects.filter(level="sentence").delete()
visit = Candidate.objects.get(digest=proposals.digest(PARTS["visit"]))
visit.pk, visit.parts = None, [part.replace("nine", "ten") for part in visit.parts]
visit.digest, visit.examples = proposals.digest(visit.parts), [text.replace("nine", "ten") for text in visit.examples]
visit.save()
"""
LIBRARY = """
from compression import services
from compression.codec import Library, Template, default_library
new = Template(200, ("Your order ", " is on its way."))
services.install_library(Library([*default_library().templates, new], default_library().dictionary))
"""
SECOND = """
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.sessions.backends.db import SessionStore
user = get_user_model().objects.create_superuser("rae")
session = SessionStore()
session[SESSION_KEY] = str(user.pk)
session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
session[HASH_SESSION_KEY] = user.get_session_auth_hash()
session.save()
print(session.session_key)
"""
PARCEL = "Hello {}, your parcel for {} has left our warehouse and arrives soon. Please keep the slip."


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server on which discovery has found something."""
    live = LiveServer(tmp_path_factory.mktemp("desk"))
    live.manage("shell", "--verbosity=0", "-c", FOUND)
    live.start()
    yield live
    live.stop()


@pytest.fixture
def page(browser: Browser, desk: LiveServer) -> Iterator[Page]:
    yield from signed_in(browser, desk)


def row(page: Page, text: str):
    return page.locator("#result_list tbody tr", has_text=text)


def act(page: Page, action: str, *texts: str) -> str:
    """Mark the rows with these texts, have something done with them, and return what the page says of it."""
    for text in texts:
        row(page, text).first.locator("input.action-select").check()
    page.select_option("select[name=action]", action)
    page.locator("button[name=index]").click()
    return page.locator(".messagelist li").first.inner_text()


def test_a_chat_goes_over_to_what_is_promoted_and_back(page: Page) -> None:
    asked: list[str] = []
    deltas: list[str] = []

    def answered(response) -> None:
        if "/api/compression/libraries/" in response.url:
            asked.append(response.url)
            if "vnd.aura.delta" in response.headers.get("content-type", ""):
                deltas.append(response.url)

    page.on("response", answered)
    page.goto("/")
    expect(page.locator("#line")).to_have_attribute("data-coded", "true")
    page.select_option("#mode", "0")
    before = PARCEL.format("Ada", "Jo")
    ask(page, before, "fast")
    finished(page)
    expect(answer(page).locator(".methods")).not_to_have_text("template")
    whole = len(asked)

    # While a long answer comes, a reviewer promotes what was found.
    ask(page, "Speak for a while", "smart")
    expect(answer(page)).to_have_class(re.compile("pending"))
    admin = page.context.new_page()
    admin.set_default_timeout(LONG)
    admin.goto(f"{CANDIDATES}?status__exact=waiting")
    with page.expect_response(lambda one: "/libraries/" in one.url and "?have=" in one.url, timeout=LONG):
        assert "is active:" in act(admin, "promote", "your parcel for")
    finished(page)
    assert len(answer(page).locator(".words").inner_text().split()) == 400

    # What is fetched is what is new, once; and the next answer takes a few bytes.
    ask(page, PARCEL.format("Kofi", "Yuki"), "fast")
    finished(page)
    expect(answer(page).locator(".words")).to_have_text(PARCEL.format("Kofi", "Yuki"))
    expect(answer(page).locator(".methods")).to_have_text("template")
    assert [url for url in asked[whole:] if "?have=" not in url] == []
    assert len(deltas) == 1

    # Back to the library before: nothing is fetched for it, and nothing of what was said is lost.
    admin.goto(LIBRARIES)
    assert "Rolled back to." in act(admin, "roll_back", "Active")
    expect(row(admin, "Ships with AURA")).to_contain_text("Active")
    page.wait_for_timeout(4_000)
    ask(page, PARCEL.format("Wei Chen", "Ingrid von Stein"), "fast")
    finished(page)
    expect(answer(page).locator(".words")).to_have_text(PARCEL.format("Wei Chen", "Ingrid von Stein"))
    expect(answer(page).locator(".methods")).not_to_have_text("template")
    assert len(asked) == whole + 1
    page.reload()
    expect(page.locator(".turn.assistant")).to_have_count(4)
    expect(page.locator(".turn.assistant .words").first).to_have_text(before)
    assert len(page.locator(".turn.assistant .words").nth(1).inner_text().split()) == 400


def test_a_reviewer_sees_what_a_template_earns_and_filters_by_it(page: Page) -> None:
    page.goto(f"{CANDIDATES}?status__exact=waiting")
    refund = row(page, "the refund for")
    expect(refund.locator(".aura-worth")).to_be_visible()
    worth = refund.locator(".aura-worth").get_attribute("data-worth")
    page.goto(f"{CANDIDATES}?worth__exact={worth}")
    expect(row(page, "the refund for")).to_have_count(1)
    page.goto(f"{CANDIDATES}?worth__exact={'none' if worth != 'none' else 'bytes'}")
    expect(row(page, "the refund for")).to_have_count(0)
    page.goto(f"{CANDIDATES}?status__exact=waiting")
    row(page, "the refund for").locator("a").first.click()
    expect(page.get_by_text("µs a message")).to_be_visible()
    expect(page.locator(".aura-examples mark").first).to_be_visible()
    expect(page.locator(".aura-forms code", has_text="Yuki").first).to_be_visible()


def test_a_reviewer_splits_merges_and_rejects(page: Page) -> None:
    page.set_default_timeout(LONG)
    page.goto(f"{CANDIDATES}?status__exact=waiting")
    assert "New candidates: 2" in act(page, "split", "the refund for")
    expect(row(page, "Banks need up to three working days")).to_have_count(1)
    expect(row(page, "the refund for")).not_to_contain_text("Banks need")
    expect(row(page, "A mechanic comes to")).to_have_count(2)
    assert "Merged." in act(page, "merge", "between nine and noon", "between ten and noon")
    expect(row(page, "A mechanic comes to")).to_have_count(1)
    expect(row(page, "A mechanic comes to").locator("mark")).to_have_count(3)
    assert "Rejected." in act(page, "reject", "A mechanic comes to")
    expect(row(page, "A mechanic comes to")).to_have_count(0)
    page.goto(f"{CANDIDATES}?status__exact=rejected")
    expect(row(page, "A mechanic comes to")).to_have_count(3)
    # What was decided cannot be edited any more, and says who decided.
    row(page, "A mechanic comes to").first.locator("a").first.click()
    expect(page.locator("textarea[name=text]")).to_have_count(0)
    expect(page.locator(".field-decided_by")).to_contain_text("ada")


@pytest.mark.environment(DISCOVERY_FOUR_EYES="true")
def test_where_there_is_nothing_yet_and_two_people_decide(
    browser: Browser, own_page: Page, own_server: LiveServer
) -> None:
    page = own_page
    page.goto(CANDIDATES)
    expect(page.locator(".aura-empty")).to_contain_text("There is nothing here yet.")
    page.goto("/admin/compression/discoveryrun/")
    expect(page.locator(".aura-empty")).to_be_visible()
    page.get_by_role("button", name="Run discovery now").click()
    expect(page.locator(".messagelist")).to_contain_text("There are no samples yet")

    own_server.manage("shell", "--verbosity=0", "-c", LIBRARY)
    page.goto(LIBRARIES)
    assert "Another person has to approve it." in act(page, "promote", "Candidate")
    expect(row(page, "Waits for another person")).to_contain_text("ada")
    assert "another person has to approve it" in act(page, "promote", "Waits for another person")
    expect(row(page, "Ships with AURA")).to_contain_text("Active")

    session = own_server.manage("shell", "--verbosity=0", "-c", SECOND).strip().splitlines()[-1]
    other = browser.new_context(base_url=own_server.url)
    other.add_cookies([{"name": "sessionid", "value": session, "url": own_server.url}])
    second = other.new_page()
    second.goto(f"{LIBRARIES}?waits=yes")
    row(second, "Waits for another person").locator("a").first.click()
    expect(second.locator(".field-changed")).to_contain_text("Your order {0} is on its way.")
    expect(second.locator(".field-changed .aura-added")).to_have_count(1)
    second.goto(LIBRARIES)
    assert "It was proposed by ada." in act(second, "promote", "Waits for another person")
    expect(row(second, "Added by hand")).to_contain_text("Active")
    row(second, "Added by hand").locator("a").first.click()
    second.get_by_role("link", name="History").click()
    expect(second.locator("#change-history")).to_contain_text("Proposed. Another person has to approve it.")
    expect(second.locator("#change-history")).to_contain_text("Approved and promoted. It was proposed by ada.")
    other.close()


def test_arabic_names_what_a_template_earns(browser: Browser, desk: LiveServer) -> None:
    made = browser.new_context(viewport={"width": 390, "height": 844}, base_url=desk.url)
    cookies = {"sessionid": desk.users["ada"]["session"], "django_language": "ar"}
    made.add_cookies([{"name": name, "value": value, "url": desk.url} for name, value in cookies.items()])
    page = made.new_page()
    page.goto(CANDIDATES)
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    expect(page.get_by_text("ميكروثانية للرسالة").or_(page.get_by_text("بايت إلى جانب النموذج")).first).to_be_visible()
    assert not page.evaluate("document.documentElement.scrollWidth > window.innerWidth + 1")
    made.close()
