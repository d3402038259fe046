"""What the admin answers to addresses that somebody made up: a page, or what is wrong with them, never a fault of AURA's."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

import pytest
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import BinaryField, DateField, Model
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver

from audit.admin.conversation import ConversationAdmin
from aura_site.administration import Administration
from tests.audit.scenario import user_named

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:DateTimeField .* received a naive datetime:RuntimeWarning"),
]

# No number, more than a database holds, a byte that none takes, nothing that counts, a list, the first of all days.
NUL = "\x00"
SENSELESS = ("x", "9" * 30, NUL, "-1", "1,2", "0001-01-01")
OWN = (
    "p", "o", "q", "e", "all", "_facets", "_to_field", "_popup", "_changelist_filters",
    "first", "last", "by", "format", "next", "why", "term", "page",
)  # fmt: skip


def addresses(found: list[Any], value: str, before: str = "/admin/") -> Iterator[str]:
    """Yield the address of every page of the admin, what stands for something in it being `value`."""
    for entry in found:
        own = re.sub(r"<(\w+:)?\w+>", lambda _match: value, str(entry.pattern))
        if isinstance(entry, URLResolver):
            yield from addresses(entry.url_patterns, value, before + own)
        elif isinstance(entry, URLPattern) and "(?P" not in own:
            yield before + own


def lists() -> Iterator[tuple[type[Model], str]]:
    """Yield what the admin lists, and where."""
    for model in admin.site._registry:
        yield model, f"/admin/{model._meta.app_label}/{model._meta.model_name}/"


@pytest.fixture
def client() -> Client:
    made = Client(raise_request_exception=False)
    made.force_login(user_named("root", is_staff=True, is_superuser=True))
    return made


def faults(client: Client, paths: list[str]) -> list[str]:
    assert paths
    return [path for path in paths if client.get(path).status_code >= 500]


def test_pages_of_what_cannot_be(client: Client) -> None:
    paths = [path for value in SENSELESS[:3] for path in addresses(admin.site.get_urls(), quote(value, safe=""))]
    paths = [path for path in paths if re.search(r"/(x|9+|%00)/", path)]
    assert faults(client, paths) == []


def test_parameters_of_pages(client: Client) -> None:
    pages = {path for path in addresses(admin.site.get_urls(), "1") if not re.search(r"/(1|add|logout|jsi18n)/", path)}
    # One by one, because a list leads away from the first that it does not know; each page with some, a list with all.
    paths = [f"{path}?{urlencode({name: SENSELESS[1]})}" for path in sorted(pages) for name in OWN[:3]]
    paths += [f"/admin/auth/user/?{urlencode({name: value})}" for name in OWN for value in SENSELESS[:3]]
    paths += [
        f"{path}?{urlencode({name: SENSELESS[-1]})}"
        for path in sorted(pages)
        for name in ("first", "last")
        if "report" in path
    ]
    assert faults(client, paths) == []


def test_filters_of_lists(client: Client) -> None:
    paths = []
    for model, path in lists():
        names = [f"{field.name}__exact" for field in model._meta.fields]
        chosen = admin.site._registry[model].get_list_filter(None)
        names += [str(one.parameter_name) for one in chosen if hasattr(one, "parameter_name")]
        paths += [f"{path}?{urlencode({name: SENSELESS[1]})}" for name in names]
        binary = [field.name for field in model._meta.fields if isinstance(field, BinaryField)]
        paths += [f"{path}?{name}__exact=x" for name in binary] + [f"{path}?{urlencode({names[-1]: NUL})}"]
        paths += [
            f"{path}?{field.name}__year={SENSELESS[1]}" for field in model._meta.fields if isinstance(field, DateField)
        ]
    assert faults(client, paths) == []


def test_choices_that_are_searched(client: Client) -> None:
    paths = []
    for model, _path in lists():
        asked = {"app_label": model._meta.app_label, "model_name": model._meta.model_name}
        for field in model._meta.get_fields():
            values = {**asked, "field_name": field.name, "term": NUL, "page": "-1"}
            if field.is_relation:
                paths.append(f"/admin/autocomplete/?{urlencode(values)}")
    assert faults(client, paths) == []


def test_it_is_said_that_the_request_makes_no_sense(client: Client) -> None:
    answered = client.get(f"/admin/audit/conversation/?user={'9' * 30}")
    assert answered.status_code == 400
    assert "This request makes no sense" in answered.content.decode()


def test_what_is_sent_may_be_as_senseless(client: Client) -> None:
    number = "9" * 30
    row = {"user": number, "daily_limit": "1", "time_zone": "UTC"}
    assert client.post("/admin/routing_ai/budget/add/", row).status_code < 500
    chosen = {"action": "delete_selected", "_selected_action": number, "index": "0"}
    assert client.post("/admin/auth/group/", chosen).status_code < 500


@pytest.mark.parametrize("value", ["abc", NUL, f"1{NUL}", "", "1.5"])
def test_rows_that_cannot_be_chosen(client: Client, value: str) -> None:
    for page, action in (("compression/candidate", "reject"), ("compression/library", "retire")):
        answered = client.post(f"/admin/{page}/", {"action": action, "_selected_action": ["1", value]})
        assert answered.status_code == 400
        assert "This request makes no sense" in answered.content.decode()


def test_rows_whose_keys_are_no_numbers(client: Client) -> None:
    """What is no key is refused in the reader's language; with keys that may be, a fault of the action stays one."""
    client.cookies["django_language"] = "ar"
    for page, action in (("audit/conversation", "take"), ("streaming/datasetjob", "cancel")):
        for value in ("x", "1", NUL, ""):
            answered = client.post(f"/admin/{page}/", {"action": action, "_selected_action": [str(uuid4()), value]})
            assert answered.status_code == 400
            assert "هذا الطلب غير مفهوم" in answered.content.decode()
        assert client.post(f"/admin/{page}/", {"action": action, "_selected_action": [str(uuid4())]}).status_code == 302


@pytest.mark.parametrize("kind", [ValueError, ValidationError])
def test_a_fault_of_an_action_on_them_is_not_laid_at_the_readers_door(
    client: Client, monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    def broken(*_: Any) -> None:
        raise kind("an action's own")

    monkeypatch.setattr(ConversationAdmin, "_each", broken)
    chosen = {"action": "take", "_selected_action": [str(uuid4())]}
    assert client.post("/admin/audit/conversation/", chosen).status_code == 500


@pytest.mark.parametrize("kind", [TypeError, ValueError])
def test_a_fault_of_a_page_stays_one(rf: RequestFactory, kind: type[Exception]) -> None:
    def broken(_request: Any) -> None:
        raise kind("a page's own")

    request = rf.post("/admin/", {"_selected_action": ["1", "2"]})
    request.user = user_named("root", is_staff=True, is_superuser=True)
    request._dont_enforce_csrf_checks = True
    with pytest.raises(kind, match="a page's own"):
        Administration().admin_view(broken)(request)
