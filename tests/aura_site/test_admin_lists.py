"""The lists of the admin: each says what it is for, in both languages, and when there is nothing in it."""

import re

import pytest
from django.conf import settings
from django.contrib import admin
from django.test import Client
from django.utils import translation
from django.utils.safestring import mark_safe

from aura_site.administration import ORDER
from aura_site.templatetags.lists import ABOUT, named_cells
from compression.models import Candidate, DiscoveryRun, Template
from streaming.bridges.models import DeadLetter, Route
from tests.audit.scenario import user_named

pytestmark = pytest.mark.django_db(transaction=True)

# Those of packages, which say so themselves.
OTHERS = ("otp_totp.", "otp_static.", "axes.")
LISTS = [model._meta.label_lower for model in admin.site._registry if not model._meta.label_lower.startswith(OTHERS)]


@pytest.mark.parametrize("label", LISTS)
def test_a_list_says_what_it_is_for(label: str) -> None:
    with translation.override("en"):
        english = str(ABOUT[label])
    with translation.override("ar"):
        assert str(ABOUT[label]) != english


def test_an_empty_list_says_so_and_a_search_without_result_leads_back() -> None:
    user_named("root", is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(user_named("root"))
    empty = client.get("/admin/routing_ai/budget/").content.decode()
    assert "There is nothing here yet." in empty
    assert "Everybody together: $0.00 of $10.00 used today" in empty
    sought = client.get("/admin/auth/user/?q=nobody-of-that-name").content.decode()
    assert "Nothing fits what you look for." in sought
    assert "There is nothing here yet." not in client.get("/admin/auth/user/").content.decode()


def test_a_cell_says_what_it_is_where_there_is_no_place_for_heads() -> None:
    user_named("root", is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(user_named("root"))
    client.cookies["django_language"] = "ar"
    listed = client.get("/admin/auth/user/").content.decode()
    assert re.search(r'<th data-label="اسم المستخدم" class="field-username">\s*<a[^>]*>root</a></th>', listed)
    assert re.search(r'<td class="action-checkbox"><input type="checkbox"', listed)


def test_a_name_of_a_column_is_no_markup() -> None:
    cells = [mark_safe("<td>1</td>"), mark_safe('<td class="hidden">2</td>')]
    assert named_cells(cells, [{"text": 'a">b'}]) == '<td data-label="A&quot;&gt;b">1</td><td class="hidden">2</td>'


def test_amounts_are_in_groups_of_three_digits_and_what_names_something_is_not() -> None:
    root = user_named("root", is_staff=True, is_superuser=True)
    counted = {"count": 5, "users": 5, "carrying": 9, "saved": 1_234_567}
    for row in (
        Route(name="prices", source="topic:a/b", target="topic:c/d", user=root, moved=1_234_567),
        DeadLetter(reader="prices", stream="s", epoch=1_234_567, offset=7_654_321, body=b"{}"),
        Template(id=1_234_567, parts=["Hello."]),
        DiscoveryRun(id=4_321, first=1, last=9, position=1, done=1_234, total=2_345, proposed=3_456),
        Candidate(parts=["Hello."], digest="00" * 32, level="message", **counted),
    ):
        row.save()
    client = Client()
    client.force_login(root)
    for language in ("en", "ar"):
        client.cookies["django_language"] = language

        def shown(path: str) -> str:
            return client.get(path if path.startswith("/") else f"/admin/{path}/").content.decode()

        assert ">1,234,567</td>" in shown("bridges/route")
        assert ">1,234,567</td>" in shown("compression/candidate")
        runs = shown("compression/discoveryrun")
        assert '<progress max="2345" value="1234"></progress> 1,234 / 2,345<' in runs
        assert ">3,456</td>" in runs
        assert ">4321</a>" in runs
        assert ">1234567</a>" in shown("compression/template")
        for page in (shown("bridges/deadletter"), shown(f"bridges/deadletter/{DeadLetter.objects.get().pk}/change")):
            assert re.search(r">\s*1234567\s*<", page)
            assert re.search(r">\s*7654321\s*<", page)
        # What programs read stays as they write it.
        assert 'max="16384"' in shown("/datasets/")
        assert f'data-limit="{settings.STREAMING_MESSAGE_LIMIT}"' in shown("/")


def test_what_people_come_for_stands_first() -> None:
    user_named("root", is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(user_named("root"))
    listed = [app["app_label"] for app in client.get("/admin/").context["app_list"]]
    assert listed[: len(ORDER)] == list(ORDER)
