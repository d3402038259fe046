"""The second factor of staff: nobody is signed in between the password and the code."""

import re
from base64 import b32encode

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.test import Client
from django_otp.oath import totp
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from audit import selectors
from audit.journal import journal
from audit.models import Entry
from aura_site import second_factor, services
from routing_ai.services import create_key

# The record is written on a connection of its own.
pytestmark = pytest.mark.django_db(transaction=True)
PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def multi_factor(settings) -> None:
    settings.AURA_MULTI_FACTOR = True


@pytest.fixture
def staff():
    return get_user_model().objects.create_superuser("ada", password=PASSWORD)


def refusing(*_: object) -> None:
    """Take the place of what writes the journal's part of a transaction, as on a disk that is full."""
    raise OperationalError("the disk is full")


def code_of(device: TOTPDevice, steps: int = 0) -> str:
    """The code that a phone shows, so many half minutes from now."""
    return f"{totp(device.bin_key, drift=steps):06d}"


def sign_in(client: Client, name: str = "ada"):
    return client.post("/sign-in/?next=/console/", {"username": name, "password": PASSWORD})


def enrol(client: Client) -> tuple[TOTPDevice, list[str]]:
    assert sign_in(client)["Location"] == "/second-factor/"
    page = client.get("/second-factor/").content.decode()
    assert "<svg" in page
    device = TOTPDevice.objects.get()
    shown = client.post("/second-factor/", {"code": code_of(device)}).content.decode()
    assert 'href="/console/"' in shown
    return device, re.findall(r"<li><code>(\w+)</code>", shown)


def test_the_password_alone_opens_nothing(staff, client: Client) -> None:
    enrol(client)
    other = Client()
    assert sign_in(other)["Location"] == "/second-factor/"
    for path in ("/", "/admin/", "/dashboard/", "/dashboard/figures", "/api/v1/conversations"):
        assert other.get(path).status_code in (302, 401), path
    assert "_auth_user_id" not in other.session


def test_a_code_signs_in_and_counts_once(staff, client: Client) -> None:
    device, codes = enrol(client)
    assert client.get("/admin/").status_code == 200
    assert len(set(codes)) == 10
    again = Client()
    sign_in(again)
    # The code that set the phone up has been used.
    assert b"does not count" in again.post("/second-factor/", {"code": code_of(device)}).content
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    assert again.post("/second-factor/", {"code": code_of(device, 1)})["Location"] == "/console/"
    assert again.get("/admin/").status_code == 200


def test_recovery_codes_stand_in_for_a_phone_once_each(staff, client: Client) -> None:
    _, codes = enrol(client)
    first = Client()
    sign_in(first)
    assert first.post("/second-factor/", {"code": codes[0]})["Location"] == "/console/"
    second = Client()
    sign_in(second)
    assert second.post("/second-factor/", {"code": codes[0]}).status_code == 200
    assert "_auth_user_id" not in second.session


def test_a_code_is_taken_as_a_phone_writes_it(staff, client: Client) -> None:
    device, codes = enrol(client)
    for written in (f" {codes[0].capitalize()} ", f"{codes[1][:4]} {codes[1][4:].upper()}"):
        other = Client()
        sign_in(other)
        assert other.post("/second-factor/", {"code": written})["Location"] == "/console/", written
    # To the phone these were wrong codes.
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    arabic = code_of(device, 1).translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    other = Client()
    sign_in(other)
    assert other.post("/second-factor/", {"code": arabic})["Location"] == "/console/"


@pytest.mark.parametrize(
    ("language", "words"), [("en", "recovery codes lost?"), ("ar", "فقدت الهاتف ورموز الاسترداد؟")]
)
def test_the_pages_say_how_to_go_on(staff, client: Client, language: str, words: str) -> None:
    client.cookies["django_language"] = language
    sign_in(client)
    page = client.get("/second-factor/").content.decode()
    # Nobody scans the screen of the phone in hand.
    assert 'href="otpauth://totp/' in page
    assert words not in page
    codes = client.post("/second-factor/", {"code": code_of(TOTPDevice.objects.get())}).content.decode()
    # No button there leads away from what is shown once.
    assert "<nav" not in codes
    other = Client()
    other.cookies["django_language"] = language
    sign_in(other)
    asked = other.get("/second-factor/").content.decode()
    assert words in asked
    assert "reset_second_factor NAME" in asked


def test_guessing_codes_is_slowed_down(staff, client: Client) -> None:
    device, _ = enrol(client)
    guesser = Client()
    sign_in(guesser)
    for _ in range(3):
        guesser.post("/second-factor/", {"code": "000000"})
    assert guesser.post("/second-factor/", {"code": code_of(device, 1)}).status_code == 200


def test_others_and_without_the_setting_a_password_is_enough(staff, client: Client, settings) -> None:
    get_user_model().objects.create_user("eve", password=PASSWORD)
    assert sign_in(client, "eve")["Location"] == "/console/"
    settings.AURA_MULTI_FACTOR = False
    assert sign_in(Client())["Location"] == "/console/"


def test_a_sign_in_link_asks_for_the_code_too(staff, client: Client) -> None:
    assert client.get(services.create_sign_in_link(staff))["Location"] == "/second-factor/"
    assert "_auth_user_id" not in client.session


def test_a_session_from_before_ends(staff, client: Client, settings) -> None:
    client.force_login(staff)
    assert client.get("/admin/").status_code == 302
    assert "_auth_user_id" not in client.session


def test_who_waits_too_long_begins_again(staff, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_factor, "PATIENCE", -1)
    sign_in(client)
    assert client.get("/second-factor/")["Location"] == "/sign-in/?late"
    assert b"too late after the password" in client.get("/sign-in/?late").content
    assert client.get("/second-factor/")["Location"] == "/sign-in/"
    assert Client().get("/second-factor/")["Location"] == "/sign-in/"


def test_a_lost_phone(staff, client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    device, _ = enrol(client)
    call_command("reset_second_factor", "ada", "--by", "eve")
    assert "2 devices of ada are gone" in capsys.readouterr().out
    assert not second_factor.enrolled(staff)
    # The old app opens nothing, and another one is set up.
    other = Client()
    assert sign_in(other)["Location"] == "/second-factor/"
    assert b"does not count" in other.post("/second-factor/", {"code": code_of(device, 1)}).content
    assert "<svg" in other.get("/second-factor/").content.decode()
    with pytest.raises(CommandError, match="no user called nobody"):
        call_command("reset_second_factor", "nobody")
    assert logged()[1:] == [("eve", "taken away", {"why": "second factor", "account": staff.pk})]


def logged() -> list[tuple[str, str, dict]]:
    """What the record says of second factors, in its order: who, what, and about what."""
    entries = Entry.objects.filter(kind="access").select_related("content", "subject").order_by("seq")
    events = [event for event in map(selectors.event_of, entries) if event is not None]
    return [(event.actor, event.text, dict(event.meta)) for event in events]


def test_a_second_factor_that_is_set_up_or_taken_away_is_on_the_record(staff, client: Client) -> None:
    sign_in(client)
    client.get("/second-factor/")
    client.post("/second-factor/", {"code": "000000"})
    assert logged() == []
    let_go()
    _, codes = enrol(client)
    assert len(codes) == 10
    call_command("reset_second_factor", "ada")
    assert logged() == [
        ("ada", "set up", {"why": "second factor"}),
        ("command line", "taken away", {"why": "second factor", "account": staff.pk}),
    ]
    reader = Client()
    enrol(reader)
    reader.cookies["django_language"] = "ar"
    reader.post("/admin/audit/conversation/purpose/", {"why": "review", "next": "/admin/"})
    own, taken, *_ = Entry.objects.filter(kind="access").order_by("seq")
    for entry, words in ((own, ("أُعدّ", "العامل الثاني")), (taken, ("أُزيل", "العامل الثاني", "الحساب"))):
        page = reader.get(f"/admin/audit/entry/{entry.pk}/change/").content.decode()
        assert [word for word in words if word not in page] == []


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "so the second factor is not set up yet: try again soon."), ("ar", "لم يُعدّ العامل الثاني بعد")],
)
def test_nothing_is_set_up_while_the_record_cannot_be_written(
    staff, client: Client, monkeypatch: pytest.MonkeyPatch, language: str, words: str
) -> None:
    client.cookies["django_language"] = language
    sign_in(client)
    client.get("/second-factor/")
    device = TOTPDevice.objects.get()
    with monkeypatch.context() as failing:
        failing.setattr(journal(), "write", refusing)
        page = client.post("/second-factor/", {"code": code_of(device)}).content.decode()
    assert words in page
    # The same secret is shown, so the app that has it can go on.
    assert f"secret={b32encode(device.bin_key).decode()}" in page
    assert "_auth_user_id" not in client.session
    assert not second_factor.enrolled(staff)
    assert second_factor.codes_left(staff) == 0
    assert "<li><code>" in client.post("/second-factor/", {"code": code_of(device, 1)}).content.decode()
    assert client.get("/admin/").status_code == 200
    assert [event[1] for event in logged()] == ["set up"]


def test_nothing_is_taken_away_while_the_record_cannot_be_written(
    staff, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, codes = enrol(client)
    with monkeypatch.context() as failing:
        failing.setattr(journal(), "write", refusing)
        with pytest.raises(CommandError, match="the second factor of ada still counts"):
            call_command("reset_second_factor", "ada")
    assert signs_in_with(codes[0])


def test_of_two_answers_with_the_first_code_one_counts(staff, client: Client) -> None:
    sign_in(client)
    client.get("/second-factor/")
    device = TOTPDevice.objects.get()
    first, second = (TOTPDevice.objects.get() for _ in range(2))
    code = code_of(device)
    assert second_factor.confirm(first, code)
    assert second_factor.confirm(second, code) is None
    assert second_factor.codes_left(staff) == 10
    assert [event[1] for event in logged()] == ["set up"]


def let_go() -> None:
    """Have nobody wait after a wrong code. To the app recovery codes are wrong ones."""
    for model in (TOTPDevice, StaticDevice):
        model.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)


def asks_for_new_codes(client: Client, code: str) -> list[str]:
    page = client.post("/second-factor/", {"code": code}).content.decode()
    assert ("The old codes no longer count." in page) == ("<li><code>" in page)
    return re.findall(r"<li><code>(\w+)</code>", page)


def signs_in_with(code: str) -> bool:
    let_go()
    client = Client()
    sign_in(client)
    return client.post("/second-factor/", {"code": code}).status_code == 302


def test_new_recovery_codes_take_the_place_of_the_old_ones_and_are_on_the_record(staff, client: Client) -> None:
    device, old = enrol(client)
    assert signs_in_with(old[0])
    assert 'href="/second-factor/"' in client.get("/admin/").content.decode()
    assert "you have left: <strong>9</strong>" in client.get("/second-factor/").content.decode()
    let_go()
    new = asks_for_new_codes(client, code_of(device, 1))
    assert len(set(new)) == 10
    assert not set(new) & set(old)
    assert not signs_in_with(old[1])
    assert signs_in_with(new[0])
    # Once: what stands on the page is not shown again, not by the same code either.
    let_go()
    again = client.post("/second-factor/", {"code": code_of(device, 1)}).content.decode()
    assert "does not count" in again
    assert not [code for code in new if code in again]
    assert logged()[1:] == [("ada", "renewed", {"why": "recovery codes"})]
    client.cookies["django_language"] = "ar"
    client.post("/admin/audit/conversation/purpose/", {"why": "review", "next": "/admin/"})
    renewal = Entry.objects.filter(kind="access").order_by("seq")[1]
    entry = client.get(f"/admin/audit/entry/{renewal.pk}/change/").content.decode()
    assert "جُدّد" in entry
    assert "رموز الاسترداد" in entry


def test_only_a_code_of_the_app_gives_new_ones_and_guessing_is_slowed_down(staff, client: Client) -> None:
    device, old = enrol(client)
    # A recovery code that was found gives no ten others; it is not used up.
    assert asks_for_new_codes(client, old[0]) == []
    assert asks_for_new_codes(client, "") == []
    for _ in range(3):
        asks_for_new_codes(client, "000000")
    assert asks_for_new_codes(client, code_of(device, 1)) == []
    # The brake is that of the sign-in.
    other = Client()
    sign_in(other)
    assert other.post("/second-factor/", {"code": code_of(device, 1)}).status_code == 200
    assert second_factor.codes_left(staff) == 10
    assert signs_in_with(old[0])
    assert [event[1] for event in logged()] == ["set up"]


def test_nobody_else_is_asked_for_a_code(staff, client: Client, settings) -> None:
    device, _ = enrol(client)
    secret = create_key(staff, "test")[1]
    code = {"code": code_of(device, 1)}
    eve = Client()
    eve.force_login(get_user_model().objects.create_user("eve", password=PASSWORD))
    bare = Client()
    bare.force_login(staff)
    assert Client().post("/second-factor/", code)["Location"] == "/sign-in/"
    assert eve.post("/second-factor/", code)["Location"] == "/sign-in/"
    assert bare.post("/second-factor/", code)["Location"] == "/sign-in/"
    # Keys are for programs; what is no key does not make up for a session without the factor.
    bare.force_login(staff)
    for headers in ({"Authorization": f"Bearer {secret}"}, {"Authorization": "Basic YWRhOmFkYQ=="}):
        for one in (Client(), bare, client):
            assert one.post("/second-factor/", code, headers=headers)["Location"] == "/sign-in/"
    assert Client(enforce_csrf_checks=True).post("/second-factor/", code).status_code == 403
    settings.AURA_MULTI_FACTOR = False
    assert client.post("/second-factor/", code)["Location"] == "/sign-in/"
    assert "/second-factor/" not in client.get("/admin/").content.decode()
    assert second_factor.codes_left(staff) == 10


def test_the_old_codes_count_on_when_the_record_cannot_be_written(
    staff, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    device, old = enrol(client)
    with monkeypatch.context() as failing:
        failing.setattr(journal(), "write", refusing)
        page = client.post("/second-factor/", {"code": code_of(device, 1)}).content.decode()
    assert "the old codes still count" in page
    assert signs_in_with(old[0])


def test_the_page_of_new_codes_speaks_arabic(staff, client: Client) -> None:
    device, _ = enrol(client)
    client.cookies["django_language"] = "ar"
    asked = client.get("/second-factor/").content.decode()
    assert "رموز الاسترداد المتبقية لديك:" in asked
    assert "إنشاء رموز استرداد جديدة" in asked
    shown = client.post("/second-factor/", {"code": code_of(device, 1)}).content.decode()
    assert "لم تعد الرموز القديمة صالحة." in shown
    assert "<nav" not in shown


APP, CODES = "/admin/otp_totp/totpdevice/", "/admin/otp_static/staticdevice/"


def fields(client: Client, path: str, **others: str) -> dict[str, str]:
    """What a browser would send of a form of the admin, with other values."""
    form = client.get(path).context["adminform"].form
    values = {name: form[name].value() for name in form.fields}
    return {name: value for name, value in values.items() if value is not None and value is not False} | others


def test_what_staff_do_to_the_second_factors_of_others_is_on_the_record(staff, client: Client) -> None:
    enrol(client)
    eve = get_user_model().objects.create_superuser("eve", password=PASSWORD)
    about = {"why": "second factor", "account": eve.pk}
    added = client.post(f"{APP}add/", fields(client, f"{APP}add/", user=str(eve.pk), name="token"))
    assert added["Location"] == APP
    device = TOTPDevice.objects.get(user=eve)
    change = f"{APP}{device.pk}/change/"
    assert client.post(change, fields(client, change, name="other"))["Location"] == APP
    assert TOTPDevice.objects.get(user=eve).name == "other"
    assert client.post(change, fields(client, change, user=str(staff.pk)))["Location"] == APP
    assert client.post(change, fields(client, change, user=str(eve.pk)))["Location"] == APP
    chosen = {"action": "delete_selected", "_selected_action": str(device.pk), "post": "yes"}
    assert client.post(APP, chosen)["Location"] == APP
    assert not second_factor.enrolled(eve)
    codes = StaticDevice.objects.create(user=eve, name="recovery")
    assert client.post(f"{CODES}{codes.pk}/delete/", {"post": "yes"})["Location"] == CODES
    assert logged()[1:] == [
        ("ada", "set up", about),
        ("ada", "changed", about),
        # Hers no more, and hers again.
        *[("ada", "changed", {**about, "account": account}) for account in 2 * [staff.pk, eve.pk]],
        ("ada", "taken away", about),
        ("ada", "taken away", {"why": "recovery codes", "account": eve.pk}),
    ]
    # Looking at them, and what the form turns back, is none of it.
    assert client.get(APP).status_code == 200
    assert client.post(f"{APP}add/", {"user": str(eve.pk)}).status_code == 200
    assert len(logged()) == 9


def test_staff_do_nothing_to_second_factors_while_the_record_cannot_be_written(
    staff, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    device, codes = enrol(client)
    eve = get_user_model().objects.create_superuser("eve", password=PASSWORD)
    new = fields(client, f"{APP}add/", user=str(eve.pk), name="token")
    other = fields(client, f"{APP}{device.pk}/change/", name="other")
    chosen = {"action": "delete_selected", "_selected_action": str(device.pk), "post": "yes"}
    acts = {
        f"{APP}add/": new,
        f"{APP}{device.pk}/change/": other,
        f"{APP}{device.pk}/delete/": {"post": "yes"},
        APP: chosen,
    }
    for path, sent in acts.items():
        with monkeypatch.context() as failing:
            failing.setattr(journal(), "write", refusing)
            shown = client.post(path, sent, follow=True).content.decode()
        assert "This could not be done: the record cannot be written now: the disk is full" in shown
    assert not second_factor.enrolled(eve)
    assert TOTPDevice.objects.get().name == "phone"
    assert signs_in_with(codes[0])
    assert [event[1] for event in logged()] == ["set up"]


ACCOUNTS = "/admin/auth/user/"


def test_an_account_that_is_deleted_takes_its_second_factor_with_it_and_that_is_on_the_record(
    staff, client: Client
) -> None:
    enrol(client)
    users = get_user_model().objects
    eve, bob, cyd = (users.create_superuser(name, password=PASSWORD) for name in ("eve", "bob", "cyd"))
    TOTPDevice.objects.create(user=eve, name="phone")
    StaticDevice.objects.create(user=bob, name="recovery")
    assert client.post(f"{ACCOUNTS}{eve.pk}/delete/", {"post": "yes"})["Location"] == ACCOUNTS
    # Who has none loses none.
    chosen = {"action": "delete_selected", "_selected_action": [str(bob.pk), str(cyd.pk)], "post": "yes"}
    assert client.post(ACCOUNTS, chosen)["Location"] == ACCOUNTS
    assert [user.username for user in users.all()] == ["ada"]
    about = [{"why": "second factor", "account": account.pk} for account in (eve, bob)]
    assert logged()[1:] == [("ada", "taken away", one) for one in about]


def test_an_account_with_a_second_factor_stays_while_the_record_cannot_be_written(
    staff, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrol(client)
    eve = get_user_model().objects.create_superuser("eve", password=PASSWORD)
    TOTPDevice.objects.create(user=eve, name="phone")
    chosen = {"action": "delete_selected", "_selected_action": str(eve.pk), "post": "yes"}
    for path, sent in ((f"{ACCOUNTS}{eve.pk}/delete/", {"post": "yes"}), (ACCOUNTS, chosen)):
        with monkeypatch.context() as failing:
            failing.setattr(journal(), "write", refusing)
            shown = client.post(path, sent, follow=True).content.decode()
        assert "This could not be done: the record cannot be written now: the disk is full" in shown
    assert second_factor.enrolled(eve)
