"""Errors that reviewers and operators are shown in the admin speak Arabic there, the words of others apart."""

import re

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import translation

from audit import wording as record
from compression import codec
from compression.wording import in_words as of_a_template
from streaming.bridges import brokers
from streaming.bridges.errors import BadAddress
from streaming.bridges.models import Route
from streaming.bridges.routes import Plan
from streaming.bridges.wording import in_words as of_a_route

LATIN = re.compile(r"[A-Za-z]{2,}")


@pytest.mark.parametrize(
    "parts",
    [["a"] * 33, ["a", "", "b"], ["", ""], ["\ud800"], ["a" * 4097]],
    ids=["many", "near", "none", "half", "long"],
)
def test_the_bounds_of_a_template(parts: list[str]) -> None:
    with pytest.raises(codec.LibraryError) as raised:
        codec.Template(128, tuple(parts))
    # A reviewer knows no number of a template that is still to be made.
    assert "128" not in of_a_template(raised.value)
    with translation.override("ar"):
        assert not LATIN.search(of_a_template(raised.value))


def test_what_is_damaged_keeps_the_words_that_say_how() -> None:
    with pytest.raises(codec.LibraryError) as raised:
        codec.Library.from_manifest(b"no JSON")
    with translation.override("ar"):
        assert of_a_template(raised.value).startswith("المحفوظ من هذه المكتبة تالف: The manifest is not JSON")


@pytest.mark.parametrize("words", record.FAULTS)
def test_faults_of_the_record(words: str) -> None:
    said = words % {"why": "the disk is full", "limit": "7"}
    assert record.in_words(said) == said
    with translation.override("ar"):
        found = set(LATIN.findall(record.in_words(said)))
    assert found == ({"the", "disk", "is", "full"} if "why" in words else set())


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({"source": "nowhere"}, {"nowhere", "BROKER", "CHANNEL", "topic", "outbox", "NAME"}),
        ({"source": "other:x"}, {"other", "AURA", "BROKERS", "bus"}),
        ({"source": "topic:a b"}, {"topic"}),
        ({"target": "outbox:x"}, set()),
        ({"source": "outbox:x", "start": "now"}, set()),
        ({"target": "bus:x"}, set()),
        ({"source": "topic:shop"}, set()),
        ({"filter": "["}, None),
        ({"filter": "[]"}, {"JSON"}),
        ({"filter": '{"kind..x": 1}'}, {"kind"}),
        ({"filter": '{"kind": {"suffix": "x"}}'}, {"kind", "prefix"}),
        ({"filter": '{"kind": [{}]}'}, {"kind", "true", "false", "null"}),
        ({"filter": str({str(n): n for n in range(9)}).replace("'", '"')}, set()),
        ({"filter": '{"kind": ' + str(list(range(33))) + "}"}, {"kind"}),
        ({"mapping": "{"}, None),
        ({"mapping": "[" * 9 + "]" * 9}, set()),
        ({"mapping": str([0] * 65)}, set()),
        ({"mapping": '"$a..b"'}, set()),
    ],
)
def test_what_is_wrong_with_a_route(settings, fields: dict[str, str], kept: set[str] | None) -> None:
    settings.AURA_BROKERS = {"bus": "memory://"}
    with pytest.raises(BadAddress) as raised:
        Plan.of(Route(**{"name": "r", "source": "bus:x", "target": "bus:y", "start": "first", **fields}))
    with translation.override("ar"):
        said = of_a_route(str(raised.value))
    assert re.search("[\u0600-\u06ff]{3}", said)
    # What a parser says of JSON is its own.
    if kept is not None:
        assert set(LATIN.findall(said)) <= kept


@pytest.mark.django_db
def test_the_page_of_a_route_says_it(settings, client: Client) -> None:
    settings.AURA_BROKERS = {"bus": "memory://"}
    client.force_login(get_user_model().objects.create_superuser("ada"))
    client.cookies["django_language"] = "ar"
    sent = {"name": "r", "active": "on", "source": "bus:x", "start": "first", "target": "bus:x"}
    assert "هذا المسار ينتهي حيث يبدأ" in client.post("/admin/bridges/route/add/", sent).content.decode()
    with pytest.raises(BadAddress) as raised:
        brokers.bridge("gone")
    route = Route.objects.create(name="r", source="gone:x", target="bus:x", error=str(raised.value))
    for page in ("", f"{route.pk}/change/"):
        assert "لا وسيط باسم" in client.get(f"/admin/bridges/route/{page}").content.decode()
