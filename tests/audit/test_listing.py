"""The list of one's conversations: searched, named, taken off, put back; the record keeps them."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.test import Client

from audit import erasure, examiner, listing, search, selectors
from audit.errors import NotFound
from audit.models import Entry, Shelved
from audit.records.event import Kind
from streaming.protocol.codes import FaultCode
from tests.audit.scenario import converse, user_named

pytestmark = pytest.mark.django_db(transaction=True)


def titles(user: object, text: str = "") -> list[str]:
    found = search.on_list(user, text) if text else selectors.conversations(user)
    return [one.title for one in found]


def test_a_search_finds_words_of_both_sides_and_parts_of_titles_and_nothing_of_others() -> None:
    converse("ada", "Where do falcons nest?", "On cliffs, mostly.")
    converse("ada", "What is bread made of?", "Flour and water.")
    converse("eve", "Do falcons sleep?", "They do.")
    examiner.examine_pending()
    ada = user_named("ada")
    assert titles(ada, "CLIFFS") == ["Where do falcons nest?"]
    assert titles(ada, "water flour") == ["What is bread made of?"]
    assert titles(ada, "bread mad") == ["What is bread made of?"]
    assert titles(ada, "falcons") == ["Where do falcons nest?"]
    assert titles(ada, "falcons bread") == []
    # The name of a user is what reviewers look for; here it is a word as any other.
    assert titles(ada, "ada") == []
    assert titles(ada, "?!") == []


def test_a_new_title_is_sealed_searched_and_on_the_ledger() -> None:
    where, _ = converse("ada", "Where do falcons nest?", "On cliffs.")
    ada = user_named("ada")
    listing.rename(ada, where, "  Birds\n of prey ")
    row = selectors.conversation(ada, where)
    assert row is not None
    assert row.title == "Birds of prey"
    assert b"Birds" not in bytes(row.sealed_title)
    assert titles(ada, "of pr") == ["Birds of prey"]
    assert selectors.verify_chain()[1] is None
    assert Entry.objects.filter(kind=Kind.STATE.value, conversation=where).count() == 2
    listing.rename(ada, where, "x" * 500)
    assert len(titles(ada)[0]) == 80


def test_what_is_off_the_list_is_neither_listed_nor_found_but_stands_on_the_record() -> None:
    where, _ = converse("ada", "Where do falcons nest?", "On cliffs.")
    examiner.examine_pending()
    ada = user_named("ada")
    listing.shelve(ada, where)
    listing.shelve(ada, where)
    assert titles(ada) == titles(ada, "falcons") == []
    assert [turn.text for turn in selectors.transcript(ada, where)] == ["Where do falcons nest?", "On cliffs."]
    assert selectors.verify_chain()[1] is None
    listing.restore(ada, where)
    assert titles(ada) == ["Where do falcons nest?"]
    assert selectors.verify_chain()[1] is None


def test_others_may_do_nothing_with_it_and_an_erased_one_gets_no_title() -> None:
    where, _ = converse("ada", "Where do falcons nest?", "On cliffs.")
    eve = user_named("eve")
    for work in (listing.shelve, listing.restore, lambda user, one: listing.rename(user, one, "Mine")):
        with pytest.raises(NotFound):
            work(eve, where)
        with pytest.raises(NotFound):
            work(eve, uuid4())
    with pytest.raises(NotFound):
        listing.rename(user_named("ada"), where, " \n ")
    listing.shelve(user_named("ada"), where)
    erasure.erase_conversations([where], by="officer", reason="asked for")
    assert not Shelved.objects.exists()
    assert selectors.verify_chain()[1] is None


@pytest.fixture
def ada(client: Client) -> Client:
    client.force_login(user_named("ada"))
    return client


def test_the_list_comes_in_pages(ada: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit.views.PAGE", 2)
    for number in range(3):
        converse("ada", f"Question {number}", "An answer")
    first = ada.get("/api/v1/conversations").json()
    assert [one["title"] for one in first["conversations"]] == ["Question 2", "Question 1"]
    assert first["more"]
    rest = ada.get("/api/v1/conversations", {"before": first["conversations"][-1]["updated_at"]}).json()
    assert [one["title"] for one in rest["conversations"]] == ["Question 0"]
    assert not rest["more"]
    assert ada.get("/api/v1/conversations", {"before": "yesterday"}).status_code == 422
    naive = datetime.now(UTC).replace(tzinfo=None).isoformat()
    assert ada.get("/api/v1/conversations", {"before": naive}).status_code == 422
    # A search has no pages; what is wrong with it is said all the same.
    assert ada.get("/api/v1/conversations", {"before": "yesterday", "q": "falcons"}).status_code == 422


def test_errors_have_codes_of_the_protocol(ada: Client) -> None:
    nothing = f"/api/v1/conversations/{uuid4()}"
    refused = [
        (ada.get("/api/v1/conversations", {"before": "yesterday"}), FaultCode.MALFORMED),
        (ada.get(nothing), FaultCode.UNKNOWN_STREAM),
        (ada.patch(nothing, "{}", content_type="application/json"), FaultCode.MALFORMED),
        (ada.delete(f"/api/v1/shares/{uuid4()}"), FaultCode.UNKNOWN_STREAM),
        (Client().get(nothing), FaultCode.NOT_ALLOWED),
    ]
    assert [answer.json()["error"]["code"] for answer, _ in refused] == [code.label for _, code in refused]


def test_a_patch_names_and_shelves_and_says_what_it_cannot_read(ada: Client) -> None:
    where, _ = converse("ada", "Where do falcons nest?", "On cliffs.")
    path = f"/api/v1/conversations/{where}"

    def patch(body: str) -> int:
        return ada.patch(path, body, content_type="application/json").status_code

    assert patch('{"title": "Birds", "listed": false}') == 200
    assert ada.get(path).json()["title"] == "Birds"
    assert ada.get("/api/v1/conversations").json()["conversations"] == []
    assert patch('{"listed": true}') == 200
    for nonsense in ("", "[]", "{}", '{"title": 1}', '{"listed": "no"}', '{"title": "\\ud800"}'):
        assert patch(nonsense) == 422, nonsense
    assert patch('{"title": "  "}') == 404
    assert ada.patch(f"/api/v1/conversations/{uuid4()}", '{"listed": false}').status_code == 404
    assert Client().patch(path, '{"listed": false}').status_code == 401
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(user_named("ada"))
    assert strict.patch(path, '{"listed": false}').status_code == 403
