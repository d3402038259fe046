"""Links to a conversation: what they show, to whom, for how long; and that each look is on the ledger."""

from uuid import UUID, uuid4

import pytest
from django.test import Client

from audit import erasure, selectors, sharing
from audit.errors import NotAllowed, NotFound
from audit.models import Entry, Share
from audit.records.event import Kind
from tests.audit.scenario import converse, user_named

pytestmark = pytest.mark.django_db(transaction=True)


def looks(where: UUID) -> list[str]:
    found = selectors.events_of(Entry.objects.filter(kind=Kind.ACCESS.value, conversation=where).order_by("seq"))
    return [f"{event.actor} {event.text}: {event.meta['why']}" for event in found]


def test_a_link_shows_what_was_said_when_it_was_made_and_each_look_is_logged() -> None:
    where, _ = converse("ada", "Where do falcons nest?", "On cliffs.")
    link = sharing.share(user_named("ada"), where)
    converse("ada", "And my card number?", "I do not know it.", conversation=where)
    for name in ("eve", "eve", "rae"):
        row, turns = sharing.read(user_named(name), link.pk)
        assert row.pk == where
        assert [turn.text for turn in turns] == ["Where do falcons nest?", "On cliffs."]
    assert looks(where) == ["eve viewed: a shared link"] * 2 + ["rae viewed: a shared link"]
    assert selectors.verify_chain()[1] is None


def test_a_link_shows_the_newest_version_of_its_time_and_not_the_words_that_were_replaced() -> None:
    where, first = converse("ada", "Where do falcons nest?", "On cliffs.")
    converse("ada", "My password is swordfish.", "I see.", conversation=where)
    converse("ada", "And owls?", "In barns.", conversation=where, after=first)
    link = sharing.share(user_named("ada"), where)
    converse("ada", "And storks?", "On roofs.", conversation=where, after=first)
    _, turns = sharing.read(user_named("eve"), link.pk)
    assert [turn.text for turn in turns] == ["Where do falcons nest?", "On cliffs.", "And owls?", "In barns."]


def test_a_link_that_was_revoked_or_whose_words_were_erased_shows_nothing() -> None:
    where, _ = converse("ada", "Where do falcons nest?", "On cliffs.")
    ada, eve = user_named("ada"), user_named("eve")
    link, other = sharing.share(ada, where), sharing.share(ada, where)
    with pytest.raises(NotFound):
        sharing.revoke(eve, link.pk)
    sharing.revoke(ada, link.pk)
    assert list(sharing.standing(where)) == [other]
    for gone in (link.pk, uuid4()):
        with pytest.raises(NotFound):
            sharing.read(eve, gone)
        with pytest.raises(NotFound):
            sharing.revoke(ada, gone)
    erasure.erase_conversations([where], by="officer", reason="asked for")
    assert not Share.objects.exists()
    with pytest.raises(NotFound):
        sharing.read(eve, other.pk)
    assert looks(where) == []
    assert selectors.verify_chain()[1] is None


def test_only_the_user_shares_and_not_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    where, _ = converse("ada", "Where do falcons nest?", "On cliffs.")
    with pytest.raises(NotFound):
        sharing.share(user_named("eve"), where)
    monkeypatch.setattr(sharing, "SHARES", 2)
    links = [sharing.share(user_named("ada"), where) for _ in range(2)]
    with pytest.raises(NotAllowed, match="at most 2"):
        sharing.share(user_named("ada"), where)
    sharing.revoke(user_named("ada"), links[0].pk)
    sharing.share(user_named("ada"), where)


def test_links_over_http(client: Client) -> None:
    where, _ = converse("ada", "Where do falcons nest?", "On cliffs.")
    client.force_login(user_named("ada"))
    path = f"/api/v1/conversations/{where}/shares"
    made = client.post(path)
    assert made.status_code == 201
    assert client.get(path).json()["shares"] == [made.json()]
    link = f"/api/v1/shares/{made.json()['id']}"
    assert Client().get(link).status_code == 401
    reader = Client()
    reader.force_login(user_named("eve"))
    shown = reader.get(link).json()
    assert (shown["by"], shown["title"]) == ("ada", "Where do falcons nest?")
    assert [turn["text"] for turn in shown["turns"]] == ["Where do falcons nest?", "On cliffs."]
    assert reader.get(path).status_code == reader.post(path).status_code == reader.delete(link).status_code == 404
    assert client.delete(link).json() == {"revoked": True}
    assert reader.get(link).status_code == 404
    assert client.get(path).json() == {"shares": []}
