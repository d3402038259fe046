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
