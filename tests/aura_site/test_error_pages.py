"""The pages for what goes wrong: AURA's own, in both languages, without what may be what is broken."""

import pytest
from django.contrib.auth import get_user_model
from django.test import Client, RequestFactory
from django.utils import translation
from django.views import defaults

WORDS = {
    "en": ("This request makes no sense", "Something went wrong", "This form is out of date", "Not for this account"),
    "ar": ("هذا الطلب غير مفهوم", "حدث خطأ ما", "هذه الاستمارة قديمة", "ليست لهذا الحساب"),
}


@pytest.mark.parametrize("language", WORDS)
def test_what_the_server_cannot_do_is_told_without_a_database(language: str) -> None:
    request = RequestFactory().get("/")
    with translation.override(language):
        senseless = defaults.bad_request(request, ValueError("x"))
        broken = defaults.server_error(request)
    for response, status, words in ((senseless, 400, WORDS[language][0]), (broken, 500, WORDS[language][1])):
        page = response.content.decode()
        assert response.status_code == status
        assert words in page
        assert f'lang="{language}"' in page
        assert "/static/aura/css/base.css" in page


@pytest.mark.django_db
@pytest.mark.parametrize("language", WORDS)
def test_what_a_person_may_not_do_is_told_with_a_way_on(language: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.cookies["django_language"] = language
    stale = client.post("/sign-in/", {"username": "ada", "password": "x"})
    assert stale.status_code == 403
    assert WORDS[language][2] in stale.content.decode()
    client.force_login(get_user_model().objects.create_user("eve"))
    for path in ("/dashboard/", "/admin/login/"):
        forbidden = client.get(path)
        assert forbidden.status_code == 403
        assert WORDS[language][3] in forbidden.content.decode()
        assert 'href="/docs/' in forbidden.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(("language", "words"), [("en", "Nothing to see here"), ("ar", "لا شيء هنا للعرض")])
def test_a_method_that_a_page_does_not_take_is_no_blank_page(language: str, words: str) -> None:
    client = Client()
    client.cookies["django_language"] = language
    visited = client.get("/sign-out/")
    assert (visited.status_code, visited["Allow"]) == (405, "POST, OPTIONS")
    assert words in visited.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("GET", "/ai/chat", "POST"), ("POST", "/api/v1/stream/chat?q=x", "GET"), ("POST", "/health", "GET")],
)
def test_programs_are_told_the_methods_of_a_path(method: str, path: str, allowed: str) -> None:
    refused = Client().generic(method, path)
    assert (refused.status_code, refused["Allow"]) == (405, allowed)
    message = f"Ask {path.partition('?')[0]} with {allowed}."
    assert refused.json() == {"error": {"code": "malformed", "message": message}}


@pytest.mark.parametrize("path", ["/ws/chat/", "/ws/events/", "/ws/audio/x/"])
def test_a_websocket_without_its_upgrade_says_what_is_missing(path: str) -> None:
    refused = Client().get(path)
    assert (refused.status_code, refused["Upgrade"]) == (426, "websocket")
    assert "./aura nginx" in refused.json()["error"]["message"]
