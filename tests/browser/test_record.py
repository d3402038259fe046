"""The record as a compliance officer uses it, click by click, in English and in Arabic."""

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PATIENCE
from tests.browser.visits import say_why
from tests.live import LiveServer

pytestmark = pytest.mark.browser

LIST = "/admin/audit/conversation/"
COMPLAINT = ("complaint", "case 7")
CARD = "Is my card 4111 1111 1111 1111 safe?"
PEOPLE = """
import json
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.auth.models import Group
from django.contrib.sessions.backends.db import SessionStore
from audit import examiner
from tests.audit.scenario import converse
roles = {"rae": ["reviewer"], "sam": ["reviewer"], "ora": ["privacy officer"], "abe": ["auditor", "reviewer"]}
made = {}
for name, groups in roles.items():
    user = get_user_model().objects.create_user(name, is_staff=True)
    user.groups.set(Group.objects.filter(name__in=groups))
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    made[name] = session.session_key
for name in ("mona", "nils", "olga"):
    converse(name, "Is my card 4111 1111 1111 1111 safe?", "Keep it to yourself, " + name + ".")
converse("zoe", "ما عاصمة الأردن؟", "عاصمة الأردن عمّان.")
examiner.examine_pending()
print(json.dumps(made))
"""


@dataclass(frozen=True, slots=True)
class Office:
    """A server with something on its record, and people who may look at it."""

    live: LiveServer
    sessions: dict[str, str]


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    live = LiveServer(tmp_path_factory.mktemp("office"))
    sessions = json.loads(live.manage("shell", "--verbosity=0", "-c", PEOPLE).strip().splitlines()[-1])
    live.start()
    yield Office(live, sessions)
    assert "entries are good" in live.manage("verify_audit")
    live.stop()


def enter(browser: Browser, office: Office, name: str, language: str = "en") -> Page:
    """Return a page on which somebody has signed in."""
    expect.set_options(timeout=PATIENCE)
    made = browser.new_context(viewport={"width": 1280, "height": 900}, base_url=office.live.url)
    cookies = {"sessionid": office.sessions[name], "django_language": language}
    made.add_cookies([{"name": key, "value": value, "url": office.live.url} for key, value in cookies.items()])
    page = made.new_page()
    page.set_default_timeout(PATIENCE)
    return page


def open_conversation(page: Page, user: str) -> None:
    """Open the conversation of a user from the list, saying why where that is asked."""
    page.goto(f"{LIST}?q={user}")
    page.locator("#result_list tbody th a, #result_list tbody td a").first.click()
    page.wait_for_load_state()
    say_why(page, *COMPLAINT)
    expect(page.locator(".record-text").first).to_be_visible()


def message(page: Page) -> str:
    return page.locator(".messagelist li").first.inner_text()


def verified(office: Office, data: bytes, folder: Path) -> str:
    """Return what the first export's own program says of one, with the key from the server's folder and without AURA."""
    (folder / "export.zip").write_bytes(data)
    if not (folder / "verify_export.py").exists():
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            archive.extract("verify_export.py", folder)
    key = office.live.folder / "checkpoints" / "public_key"
    command = [sys.executable, "-I", "verify_export.py", "export.zip", str(key)]
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    return done.stdout + done.stderr


def test_a_conversation_is_found_by_its_words_and_opens_with_its_title_once_a_purpose_was_stated(
    browser: Browser, office: Office
) -> None:
    page = enter(browser, office, "rae")
    page.goto(LIST)
    page.fill("#searchbar", "card yourself nils")
    page.press("#searchbar", "Enter")
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    page.get_by_role("link", name=CARD).click()
    # Without a purpose nothing is shown, and none is chosen for anybody who chooses none.
    page.locator("input[name=why]").first.evaluate("one => { for (const i of one.form.why) i.checked = false }")
    page.locator(".submit-row input").click()
    expect(page.locator("input[name=why]:invalid").first).to_be_visible()
    say_why(page, *COMPLAINT)
    expect(page.locator("h1")).to_have_text(CARD)
    expect(page.locator(".breadcrumbs")).to_contain_text(CARD)
    expect(page.locator("#content h2").first).to_have_text("nils")
    expect(page.locator(".record-purpose")).to_contain_text("A complaint: case 7")
    expect(page.locator(".record-text").nth(1)).to_have_text("Keep it to yourself, nils.")
    # Nothing by a word that nobody said.
    page.goto(f"{LIST}?q=elephant")
    expect(page.locator("#result_list tbody tr")).to_have_count(0)


def test_the_entry_behind_a_conversation_names_it_and_every_look_is_in_the_log(
    browser: Browser, office: Office
) -> None:
    page = enter(browser, office, "abe")
    open_conversation(page, "olga")
    page.get_by_role("link", name="The entries behind this conversation").click()
    page.locator("#result_list tbody tr", has_text="prompt").locator("a").first.click()
    expect(page.locator(".field-where a")).to_have_text(f"{CARD} · olga")
    expect(page.locator(".field-body")).to_contain_text("4111 1111 1111 1111")
    page.goto("/admin/audit/entry/?kind__exact=access")
    expect(page.locator("#result_list tbody tr", has_text="viewed (A complaint: case 7)").first).to_contain_text("abe")


def test_a_filter_is_kept_and_used_again(browser: Browser, office: Office) -> None:
    page = enter(browser, office, "rae")
    page.goto(f"{LIST}?flag=personal")
    expect(page.locator("#result_list tbody tr")).not_to_have_count(0)
    page.get_by_role("link", name="Keep this filter").click()
    # A name is asked for.
    page.locator("input[name=_save]").click()
    expect(page.locator(".errorlist")).to_have_count(1)
    page.fill("#id_name", "Personal data")
    page.locator("input[name=_save]").click()
    expect(page.locator(".messagelist")).to_contain_text("Personal data")
    page.goto(LIST)
    page.get_by_role("link", name="Personal data", exact=True).first.click()
    assert "flag=personal" in page.url
    # What is not shared is its owner's.
    other = enter(browser, office, "sam")
    other.goto(LIST)
    expect(other.locator(".object-tools")).not_to_contain_text("Personal data")


@pytest.mark.parametrize("language", ["en", "ar"])
def test_clearing_a_review_takes_two_people(browser: Browser, office: Office, language: str) -> None:
    user = {"en": "mona", "ar": "nils"}[language]
    first, second = enter(browser, office, "rae", language), enter(browser, office, "sam", language)
    open_conversation(first, user)
    first.locator("button[value=take]").click()
    expect(first.locator(".record-form strong").first).to_have_text({"en": "in review", "ar": "قيد المراجعة"}[language])
    # An empty note is not taken: the browser asks for words.
    first.locator("button[value=note]").click()
    expect(first.locator(".record-note-text")).to_have_count(0)
    first.fill("textarea[name=text]", "The number is a test number.")
    first.locator("button[value=note]").click()
    expect(first.locator(".record-note-text")).to_contain_text("The number is a test number.")
    first.locator("button[value=clear]").click()
    first.locator("button[value=clear]").click()
    refused = {"en": "another reviewer has to confirm", "ar": "مراجع آخر"}[language]
    assert refused in message(first)
    expect(first.locator(".record-form strong").first).not_to_have_text({"en": "cleared", "ar": "مُجاز"}[language])
    open_conversation(second, user)
    second.locator("button[value=clear]").click()
    expect(second.locator(".record-form strong").first).to_have_text({"en": "cleared", "ar": "مُجاز"}[language])
    # A conversation may be opened anew.
    second.locator("button[value=reopen]").click()
    expect(second.locator(".record-form strong").first).to_have_text({"en": "open", "ar": "مفتوح"}[language])


@pytest.mark.parametrize("form", ["jsonl", "csv", "pdf"])
def test_an_export_is_checked_by_its_own_program(browser: Browser, office: Office, form: str, tmp_path: Path) -> None:
    page = enter(browser, office, "abe")
    open_conversation(page, "zoe")
    with page.expect_download() as started:
        page.locator(f"button[name=form][value={form}]").click()
    data = Path(started.value.path()).read_bytes()
    assert "good: 5 entries, in the signed tree" in verified(office, data, tmp_path)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        shown = archive.read(f"records.{form}")
    assert shown.startswith(b"%PDF") if form == "pdf" else "عاصمة الأردن" in shown.decode()
    spoilt = data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :]
    assert "good" not in verified(office, spoilt, tmp_path)


def test_retention_shows_what_it_would_erase_and_then_erases_it(browser: Browser, office: Office) -> None:
    office.live.manage("shell", "--verbosity=0", "-c", OLD)
    page = enter(browser, office, "ora")
    page.goto("/admin/audit/retentionpolicy/")
    page.get_by_role("link", name="Dry run").click()
    expect(page.locator("#content-main td")).to_contain_text("No policy is in force.")
    page.goto("/admin/audit/retentionpolicy/add/")
    page.fill("#id_name", "A month")
    page.fill("#id_days", "-3")
    page.locator("#id_enabled").check()
    page.locator("input[name=_save]").click()
    expect(page.locator(".errorlist").first).to_be_visible()
    page.fill("#id_days", "30")
    page.locator("input[name=_save]").click()
    page.get_by_role("link", name="Dry run").click()
    row = page.locator("#content-main tbody tr", has_text="A month").locator("td")
    expect(row.nth(1)).to_have_text("1")
    page.locator("input[type=submit]").click()
    assert "The content of 1 conversations was erased." in message(page)
    expect(row.nth(1)).to_have_text("0")
    page.goto("/admin/audit/receipt/")
    expect(page.locator("#result_list tbody tr")).to_have_count(1)


OLD = """
import time
from datetime import timedelta
from uuid import uuid4
from django.utils import timezone
from audit.journal import journal
from audit.records.event import Event, Kind
from audit.services import open_conversation
from tests.audit.scenario import user_named
where = uuid4()
open_conversation(user_named("old"), where, "Long ago")
at = time.time_ns() // 1000 - 40 * 86_400_000_000
journal().submit([Event(Kind.PROMPT, where, uuid4(), 1, 0, "old", at, "Long ago")]).result(20)
journal().close()
"""


def test_a_legal_hold_is_set_keeps_a_person_from_being_erased_and_is_released(
    browser: Browser, office: Office, tmp_path: Path
) -> None:
    page = enter(browser, office, "ora")
    page.goto("/admin/audit/subject/?q=olga")
    page.locator("#result_list tbody a").first.click()
    subject = page.url
    with page.expect_download() as started:
        page.get_by_role("button", name="Download").click()
    data = Path(started.value.path()).read_bytes()
    assert "good: 5 entries" in verified(office, data, tmp_path)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert json.loads(archive.read("account.json"))["conversations"][0]["title"] == CARD
        assert archive.read("records.pdf").startswith(b"%PDF")
    # A hold names somebody or something.
    page.goto("/admin/audit/hold/add/")
    page.fill("#id_reason", "A lawsuit")
    page.locator("input[name=_save]").click()
    expect(page.locator(".errornote")).to_be_visible()
    page.locator(".select2-selection").click()
    page.locator(".select2-search__field").fill("olga")
    page.locator(".select2-results__option", has_text="olga").click()
    page.locator("input[name=_save]").click()
    expect(page.locator("#result_list tbody tr")).to_contain_text("A lawsuit")

    def erase(name: str) -> None:
        page.goto(subject)
        page.fill("input[name=reason]", "request 17")
        page.fill("input[name=confirm]", name)
        page.get_by_role("button", name="Erase for ever").click()

    erase("olga")
    assert "a legal hold forbids to erase this" in message(page)
    page.goto("/admin/audit/hold/")
    page.locator("input.action-select").first.check()
    page.locator("select[name=action]").select_option("release")
    page.locator("button[name=index]").click()
    expect(page.locator(".field-released").first).not_to_have_text("-")
    erase("olgA")
    assert "type the name exactly" in message(page)
    erase("olga")
    assert "entries were erased. The receipt is below." in message(page)
    expect(page.locator("pre.record-note")).to_contain_text("aura/erasure")
    expect(page.get_by_role("button", name="Erase for ever")).to_have_count(0)
    page.goto("/admin/audit/subject/?q=olga")
    expect(page.locator("#result_list tbody tr")).to_have_count(0)
    # And whoever reads conversations finds nothing of it.
    reader = enter(browser, office, "rae")
    reader.goto(f"{LIST}?q=olga")
    expect(reader.locator("#result_list tbody tr")).to_have_count(0)


def test_who_serves_the_rights_of_people_reads_nothing_of_what_they_said(browser: Browser, office: Office) -> None:
    page = enter(browser, office, "ora")
    page.goto(LIST)
    expect(page.locator("#result_list tbody tr").first).to_be_visible()
    assert CARD not in page.content()
    page.locator("#result_list tbody a").first.click()
    expect(page.locator("body")).to_contain_text("Not for this account")


ENGLISH = (
    "Record",
    "Subject",
    "Erase",
    "Review",
    "Purpose",
    "viewed",
    "Conversation",
    "TOTP",
    "Static devices",
    "device",
)


@pytest.mark.parametrize(
    "path",
    ["", "audit/subject/", "audit/hold/", "audit/hold/add/", "audit/retentionpolicy/due/", "audit/receipt/", "audit/entry/",
     "audit/conversation/", "audit/conversation/purpose/", "audit/checkpoint/", "audit/flag/"],
)  # fmt: skip
def test_in_arabic_the_pages_of_the_record_are_arabic(browser: Browser, office: Office, path: str) -> None:
    office.sessions.setdefault("ada", office.live.users["ada"]["session"])
    page = enter(browser, office, "ada", "ar")
    page.goto(f"/admin/{path}")
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    shown = page.locator("#container").inner_text()
    assert [word for word in ENGLISH if word in shown] == []
