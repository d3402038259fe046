from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.http import HttpResponse
from django.test import Client

from compression import selectors, services
from compression.codec import Library, Template, decode, default_library, encode
from compression.codec.forms import Forms
from compression.errors import IdTaken
from compression.models import Library as Row
from compression.models import Template as Model

pytestmark = pytest.mark.django_db
LIBRARIES = "/admin/compression/library/"


def act(client: Client, action: str, *rows: Row) -> HttpResponse:
    return client.post(LIBRARIES, {"action": action, "_selected_action": [row.pk for row in rows]}, follow=True)


def active_hash() -> str:
    return Row.objects.get(status=Row.Status.ACTIVE).hash


def test_templates_show_their_slots(admin_client: Client) -> None:
    page = admin_client.get("/admin/compression/template/").content.decode()
    assert "Can you explain <mark>{0}</mark> to me" in page
    assert default_library().hash[:12] in page
    page = admin_client.get("/admin/compression/template/101/change/").content.decode()
    assert "<mark>{1}</mark>" in page


def test_fixed_text_is_escaped(admin_client: Client) -> None:
    services.install_library(Library([Template(400, ("<script>", "</script>"))]))
    page = admin_client.get("/admin/compression/template/400/change/").content.decode()
    assert "&lt;script&gt;<mark>" in page


def test_a_library_shows_what_it_holds(admin_client: Client) -> None:
    row = Row.objects.get()
    assert row.hash[:12] in admin_client.get(LIBRARIES).content.decode()
    page = admin_client.get(f"{LIBRARIES}{row.pk}/change/").content.decode()
    assert row.hash in page
    assert "Hello! How can I help you today?" in page
    assert 'name="_save"' not in page


@pytest.mark.parametrize("page", ["library/add/", "library/1/delete/", "template/add/", "template/100/delete/"])
def test_nothing_is_added_or_deleted_by_hand(admin_client: Client, page: str) -> None:
    assert admin_client.get(f"/admin/compression/{page}").status_code in (302, 403)


def test_promoting_is_logged_under_the_reviewers_name(admin_client: Client, library: Library) -> None:
    row = services.install_library(library)
    assert "Promoted." in act(admin_client, "promote", row).content.decode()
    assert active_hash() == library.hash
    entry = LogEntry.objects.get()
    assert entry.user.get_username() == "admin"
    assert "Promoted." in entry.get_change_message()
    row.refresh_from_db()
    assert row.promoted_by == entry.user


def test_only_one_library_is_promoted_at_a_time(admin_client: Client, library: Library) -> None:
    response = act(admin_client, "promote", services.install_library(library), Row.objects.get(status="active"))
    assert "exactly one" in response.content.decode()
    assert active_hash() == default_library().hash


def test_rolling_back(admin_client: Client, library: Library) -> None:
    row = services.promote(services.install_library(library))
    act(admin_client, "roll_back", row)
    assert active_hash() == default_library().hash


def test_retiring_says_what_cannot_be(admin_client: Client, library: Library) -> None:
    row = services.install_library(library)
    page = act(admin_client, "retire", row, Row.objects.get(status=Row.Status.ACTIVE)).content.decode()
    assert "cannot be retired" in page
    row.refresh_from_db()
    assert row.status == Row.Status.RETIRED


def test_what_is_so_already_is_said_and_not_logged(admin_client: Client, library: Library) -> None:
    row = services.install_library(library)
    name = f"Library {row}: "
    assert f"{name}Retired." in act(admin_client, "retire", row).content.decode()
    assert f"{name}It was so already: Retired." in act(admin_client, "retire", row).content.decode()
    assert f"{name}Promoted." in act(admin_client, "promote", row).content.decode()
    assert f"{name}It was so already: Active." in act(admin_client, "promote", row).content.decode()
    assert LogEntry.objects.count() == 2


def test_a_reader_cannot_promote(client: Client, library: Library) -> None:
    reader = User.objects.create_user("reader", is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_library"))
    client.force_login(reader)
    row = services.install_library(library)
    assert client.get(LIBRARIES).status_code == 200
    act(client, "promote", row)
    assert active_hash() == default_library().hash


# -- two people ----------------------------------------------------------------------------------------------------


def second_client() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("second"))
    return client


def test_with_two_people_one_proposes_and_another_approves(
    admin_client: Client, library: Library, settings: Any
) -> None:
    settings.DISCOVERY_FOUR_EYES = True
    row = services.install_library(library)
    assert "Proposed. Another person has to approve it." in act(admin_client, "promote", row).content.decode()
    assert active_hash() == default_library().hash
    assert "another person has to approve it" in act(admin_client, "promote", row).content.decode()
    assert active_hash() == default_library().hash
    other = second_client()
    waiting = other.get(f"{LIBRARIES}?waits=yes").content.decode()
    assert row.hash[:12] in waiting
    assert "Waits for another person</td>" in waiting
    assert row.hash[:12] not in other.get(f"{LIBRARIES}?waits=mine").content.decode()
    assert "It was proposed by admin." in act(other, "promote", row).content.decode()
    assert active_hash() == library.hash
    row.refresh_from_db()
    assert (row.proposed_by.get_username(), row.promoted_by.get_username()) == ("admin", "second")
    trail = [(one.user.get_username(), one.get_change_message()) for one in LogEntry.objects.order_by("pk")]
    assert trail == [
        ("admin", "Proposed. Another person has to approve it."),
        ("second", "Approved and promoted. It was proposed by admin."),
    ]
    page = other.get(f"{LIBRARIES}{row.pk}/history/").content.decode()
    assert "It was proposed by admin." in page


def test_with_two_people_one_may_still_go_back(admin_client: Client, library: Library, settings: Any) -> None:
    row = services.promote(services.install_library(library))
    settings.DISCOVERY_FOUR_EYES = True
    act(admin_client, "roll_back", row)
    assert active_hash() == default_library().hash


def test_who_goes_back_to_a_library_approves_no_proposal(admin_client: Client, library: Library, settings: Any) -> None:
    settings.DISCOVERY_FOUR_EYES = True
    row = services.install_library(library)
    act(admin_client, "promote", row)
    other = second_client()
    assert "It was proposed by admin." in act(other, "promote", row).content.decode()
    act(other, "roll_back", row)
    page = act(other, "promote", row).content.decode()
    assert f"Library {row}: Promoted." in page
    assert "It was proposed by" not in page


def test_a_proposal_that_is_turned_down_begins_anew(admin_client: Client, library: Library, settings: Any) -> None:
    settings.DISCOVERY_FOUR_EYES = True
    row = services.install_library(library)
    act(admin_client, "promote", row)
    other = second_client()
    assert "Retired." in act(other, "retire", row).content.decode()
    # What the first one proposed was turned down, so this is a proposal again, and not a consent.
    assert "Proposed." in act(other, "promote", row).content.decode()
    assert active_hash() == default_library().hash
    row.refresh_from_db()
    assert row.proposed_by.get_username() == "second"
    assert "Approved" in act(admin_client, "promote", row).content.decode()
    assert active_hash() == library.hash


# -- what is shown -------------------------------------------------------------------------------------------------


def test_slots_are_shown_with_their_usual_values(admin_client: Client) -> None:
    forms = Forms(["Ada", "<b>Jo</b>", "ORD-□□□□", "□□.□□.2026", "□□ EUR"])
    services.promote(services.install_library(Library([Template(400, ("Dear ", ", hello."), (forms,))])))
    page = admin_client.get("/admin/compression/template/400/change/").content.decode()
    for line in (
        "words: <code",
        "&lt;b&gt;Jo&lt;/b&gt;",
        ">ORD-□□□□<",
        "identifier: <code",
        "date or time: <code",
        "amount: <code",
    ):
        assert line in page


def test_a_version_shows_what_changed(admin_client: Client, library: Library, other_library: Library) -> None:
    services.promote(services.install_library(library))
    row = services.install_library(other_library)
    page = admin_client.get(f"{LIBRARIES}{row.pk}/change/").content.decode()
    assert f"Beside {library.hash[:12]}: templates added: 1, removed: 1" in page
    assert "+ added" in page
    assert "− removed" in page
    services.promote(row)
    page = admin_client.get(f"{LIBRARIES}{row.pk}/change/").content.decode()
    assert f"Beside {library.hash[:12]}" in page
    first = Row.objects.get(origin=Row.Origin.DEFAULT)
    assert admin_client.get(f"{LIBRARIES}{first.pk}/change/").status_code == 200


def test_templates_are_retired(admin_client: Client, library: Library) -> None:
    services.promote(services.install_library(library))
    selectors.forget()
    night = Model.objects.get(pk=201)
    data = {"action": "retire", "_selected_action": [night.pk]}
    page = admin_client.post("/admin/compression/template/", data, follow=True).content.decode()
    assert "is active, without these templates" in page
    active = Row.objects.get(status=Row.Status.ACTIVE)
    assert [template.id for template in active.value.templates] == [200]
    assert LogEntry.objects.get(object_id="201").get_change_message().startswith("Retired.")
    # What was coded with it before is read still, and its id is never anything else.
    payload = encode("Good night.", library, 1)
    assert payload.template_id == 201
    held = selectors.library_by_hash(library.hash)
    assert held is not None
    assert decode(payload.data, {1: held}) == "Good night."
    with pytest.raises(IdTaken):
        services.install_library(Library([Template(201, ("Something else.",))]))
    selectors.forget()
    page = admin_client.post("/admin/compression/template/", data, follow=True).content.decode()
    assert "None of these templates is in the active library." in page
    data["_selected_action"] = [200]
    page = admin_client.post("/admin/compression/template/", data, follow=True).content.decode()
    assert "keeps one template at least" in page


def test_a_retired_template_is_brought_back(admin_client: Client) -> None:
    def act_on(action: str) -> str:
        selectors.forget()
        data = {"action": action, "_selected_action": [101]}
        return admin_client.post("/admin/compression/template/", data, follow=True).content.decode()

    assert "in the active library already" in act_on("bring_back")
    act_on("retire")
    assert "is active, with these templates." in act_on("bring_back")
    active = Row.objects.get(status=Row.Status.ACTIVE)
    assert active.value.templates == default_library().templates
    assert LogEntry.objects.first().get_change_message() == f"Brought back. {active}"


def test_to_retire_templates_takes_two_people_where_two_decide(
    admin_client: Client, library: Library, settings: Any
) -> None:
    services.promote(services.install_library(library))
    selectors.forget()
    settings.DISCOVERY_FOUR_EYES = True
    data = {"action": "retire", "_selected_action": [201]}
    page = admin_client.post("/admin/compression/template/", data, follow=True).content.decode()
    assert "another person has to approve it" in page
    assert active_hash() == library.hash
