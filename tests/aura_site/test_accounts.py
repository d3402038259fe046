"""First administrator, sign-in links, the one-time password, and the brake on guessing."""

from datetime import timedelta

import pytest
from axes.models import AccessAttempt
from django.contrib.auth import get_user_model
from django.test import Client, RequestFactory
from django.utils import timezone

from aura_site import services
from aura_site.models import OneTimePassword, SignInLink

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin():
    return services.create_first_admin()


def test_the_first_administrator_is_made_once(admin) -> None:
    user, password = admin
    assert user.is_superuser
    assert user.check_password(password)
    assert services.create_first_admin() is None


def test_a_link_signs_in_once(admin, client: Client) -> None:
    path = services.create_sign_in_link(admin[0])
    response = client.get(path)
    assert (response.status_code, response["Location"]) == (302, "/")
    assert client.get("/").status_code == 200
    again = Client().get(path)
    assert again.status_code == 410
    assert b"./aura link" in again.content
    assert SignInLink.objects.get().digest not in path


def test_a_link_ends_with_its_hour_and_with_the_next_one(admin) -> None:
    first = services.create_sign_in_link(admin[0])
    second = services.create_sign_in_link(admin[0])
    assert Client().get(first).status_code == 410
    SignInLink.objects.update(expires=timezone.now() - timedelta(seconds=1))
    assert Client().get(second).status_code == 410
    assert Client().get("/sign-in/link/nonsense").status_code == 410


def test_the_one_time_password_must_be_replaced(admin, client: Client) -> None:
    user, password = admin
    response = client.post("/sign-in/", {"username": user.username, "password": password})
    assert response.status_code == 302
    assert client.get("/")["Location"] == "/password/"
    assert client.get("/admin/")["Location"] == "/password/"
    page = client.get("/password/")
    assert b"old_password" not in page.content
    fresh = {"new_password1": "a long new passphrase", "new_password2": "a long new passphrase"}
    assert client.post("/password/", fresh)["Location"] == "/"
    assert client.get("/").status_code == 200
    assert not OneTimePassword.objects.exists()
    assert b"old_password" in client.get("/password/").content


@pytest.mark.parametrize("path", ["/sign-in/", "/admin/login/?next=/admin/"])
def test_guessing_is_stopped_for_that_name_and_address(admin, settings, path: str) -> None:
    user, password = admin
    wrong, right = ({"username": user.username, "password": word} for word in ("wrong", password))
    for attempt in range(settings.AXES_FAILURE_LIMIT):
        response = Client().post(path, wrong, follow=False)
        if response.status_code == 302:
            # The admin has no sign-in of its own.
            assert response["Location"].startswith("/sign-in/?next=")
            return
        assert response.status_code == (429 if attempt == settings.AXES_FAILURE_LIMIT - 1 else 200)
    refused = Client().post(path, right)
    assert (refused.status_code, refused["Retry-After"]) == (429, "300")
    assert b"wait five minutes" in refused.content
    assert Client().post(path, right, REMOTE_ADDR="10.0.0.9").status_code == 302
    AccessAttempt.objects.update(attempt_time=timezone.now() - settings.AXES_COOLOFF_TIME - timedelta(seconds=1))
    assert Client().post(path, right).status_code == 302
    AccessAttempt.objects.create(username="x", failures_since_start=1)
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(days=1))
    services.forget_attempts()
    assert not AccessAttempt.objects.filter(username="x").exists()


def test_one_address_cannot_try_a_password_on_all_names(admin) -> None:
    user, password = admin
    right = {"username": user.username, "password": password}
    for address, name in (("2001:db8::1", "a"), ("2001:db8::ffff:2", "b"), ("2001:db8::1", "c")):
        seen = services.address_of(RequestFactory().get("/", REMOTE_ADDR=address))
        AccessAttempt.objects.create(username=name, ip_address=seen, failures_since_start=services.ADDRESS_LIMIT // 3)
    # Not yet so many; then one more, from the same line by another of its addresses.
    assert Client().post("/sign-in/", {**right, "password": "wrong"}, REMOTE_ADDR="2001:db8::3").status_code == 200
    refused = Client().post("/sign-in/", right, REMOTE_ADDR="2001:db8::4")
    assert (refused.status_code, refused["Retry-After"]) == (429, "300")
    assert Client().post("/sign-in/", right, REMOTE_ADDR="2001:db8:0:1::4").status_code == 302
    # Behind a proxy on this machine that says nothing of callers one address is everybody's.
    AccessAttempt.objects.create(username="d", ip_address="127.0.0.1", failures_since_start=services.ADDRESS_LIMIT)
    assert Client().post("/sign-in/", right, REMOTE_ADDR="127.0.0.1").status_code == 302
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=6))
    assert Client().post("/sign-in/", right, REMOTE_ADDR="2001:db8::4").status_code == 302


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("10.0.0.9", "10.0.0.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("::ffff:10.0.0.9", "10.0.0.9"),
        ("fe80::1%eth0", "fe80::"),
        ("", None),
        ("testclient", None),
    ],
)
def test_whom_a_wrong_password_counts_against(address: str, counted: str | None) -> None:
    assert services.address_of(RequestFactory().get("/", REMOTE_ADDR=address)) == counted


def test_the_admin_leads_to_the_one_sign_in_page(admin, client: Client) -> None:
    assert client.get("/admin/login/?next=/admin/auth/user/")["Location"] == "/sign-in/?next=%2Fadmin%2Fauth%2Fuser%2F"
    client.force_login(get_user_model().objects.create_user("eve"))
    assert client.get("/admin/login/").status_code == 403
    client.force_login(admin[0])
    assert client.get("/admin/login/")["Location"] == "/admin/"


def test_someone_who_is_shut_out_stays_out(admin) -> None:
    path = services.create_sign_in_link(admin[0])
    get_user_model().objects.update(is_active=False)
    assert Client().get(path).status_code == 410


@pytest.mark.parametrize("path", ["/", "/password/"])
def test_pages_lead_to_the_sign_in_page(path: str, client: Client) -> None:
    response = client.get(path)
    assert response.status_code == 302
    assert response["Location"].startswith("/sign-in/")


def test_the_page_speaks_arabic_from_right_to_left(admin, client: Client) -> None:
    client.force_login(admin[0])
    client.post("/i18n/setlang/", {"language": "ar", "next": "/"})
    page = client.get("/").content.decode()
    assert '<html lang="ar" dir="rtl">' in page


def test_the_page_of_an_account_speaks_arabic(admin, client: Client) -> None:
    client.force_login(admin[0])
    client.cookies["django_language"] = "ar"
    page = client.get(f"/admin/auth/user/{admin[0].pk}/change/").content.decode()
    assert "لا تُحفظ كلمات المرور نفسها" in page
    for english in ("Raw passwords", "Reset password", "Enable password-based"):
        assert english not in page


@pytest.mark.django_db(transaction=True)
def test_the_admin_shows_every_list(admin, client: Client) -> None:
    client.force_login(admin[0])
    for path in (
        "audit/conversation", "audit/entry", "audit/subject", "audit/hold", "audit/rule", "audit/receipt",
        "audit/flag", "audit/checkpoint", "audit/savedfilter", "audit/retentionpolicy",
        "compression/library", "compression/template",
        "routing_ai/budget", "routing_ai/spend", "routing_ai/apikey", "auth/user",
    ):  # fmt: skip
        response = client.get(f"/admin/{path}/")
        assert response.status_code == 200, path
        assert b"AURA" in response.content


@pytest.mark.django_db(transaction=True)
def test_a_key_made_in_the_admin_is_shown_once_and_works(admin, client: Client) -> None:
    client.force_login(admin[0])
    response = client.post("/admin/routing_ai/apikey/add/", {"user": admin[0].pk, "name": "laptop"}, follow=True)
    words = response.content.decode()
    secret = "aura_" + words.split("The key is aura_")[1].split(". Copy")[0]
    assert len(secret) > 40
    assert secret not in client.get("/admin/routing_ai/apikey/").content.decode()
    listed = Client().get("/api/v1/conversations", headers={"Authorization": f"Bearer {secret}"})
    assert listed.status_code == 200
