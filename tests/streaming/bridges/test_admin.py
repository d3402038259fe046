"""Bridges in the admin."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from streaming.bridges.models import DeadLetter, Outgoing, Route

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(settings: Any) -> Client:
    settings.AURA_BROKERS = {"bus": "memory://admin"}
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("ada"))
    return client


def fields(**more: str) -> dict[str, str]:
    return {
        "name": "prices",
        "active": "on",
        "source": "bus:prices",
        "start": "now",
        "target": "bus:copy",
        "user": "",
        "kind": "",
        **more,
    }


def test_a_route_is_made_changed_and_refused_in_words(page: Client) -> None:
    add = reverse("admin:bridges_route_add")
    assert f'value="{get_user_model().objects.get().pk}"' in page.get(add).content.decode()
    assert page.post(add, fields()).status_code == 302
    refused = page.post(add, fields(name="other", source="elsewhere:prices"))
    assert "there is no broker &#x27;elsewhere&#x27; in AURA_BROKERS; there are: bus" in refused.content.decode()
    refused = page.post(add, fields(name="other", target="topic:shop"))
    assert "needs an active user" in refused.content.decode()
    route = Route.objects.get()
    assert route.start == Route.Start.NOW
    # Meanwhile it counts; what the page writes leaves that alone.
    change = reverse("admin:bridges_route_change", args=[route.pk])
    assert page.get(change).status_code == 200
    Route.objects.update(moved=7, holder="one")
    assert page.post(change, fields(target="bus:elsewhere", start="first")).status_code == 302
    route.refresh_from_db()
    assert (route.target, route.start, route.moved, route.holder) == ("bus:elsewhere", "first", 7, "one")
    assert "bus:elsewhere" in page.get(reverse("admin:bridges_route_changelist")).content.decode()


def test_dead_letters_are_shown_and_tried_again_by_who_may(page: Client) -> None:
    letter = DeadLetter.objects.create(reader="route:prices", stream="s", body=b"\xff<b>" * 100, reason="too large")
    Outgoing.objects.create(outbox="shop", stream="s", body=b"waits")
    listed = reverse("admin:bridges_deadletter_changelist")
    text = page.get(listed).content.decode()
    assert "too large" in text
    assert "&lt;b&gt;" in text
    assert "<b>" not in text
    assert page.get(reverse("admin:bridges_deadletter_change", args=[letter.pk])).status_code == 200
    assert "waits" in page.get(reverse("admin:bridges_outgoing_changelist")).content.decode()
    again = {"action": "try_again", "_selected_action": [str(letter.pk)]}
    reader = get_user_model().objects.create_user("eve", is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_deadletter"))
    other = Client()
    other.force_login(reader)
    other.post(listed, again)
    assert not DeadLetter.objects.get().again
    assert "1 message is tried again." in page.post(listed, again, follow=True).content.decode()
    assert DeadLetter.objects.get().again
