import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.http import HttpResponse
from django.test import Client

from compression import services
from compression.codec import Library, default_library
from compression.models import Library as Row

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
    from compression.codec import Template

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


def test_a_reader_cannot_promote(client: Client, library: Library) -> None:
    reader = User.objects.create_user("reader", is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_library"))
    client.force_login(reader)
    row = services.install_library(library)
    assert client.get(LIBRARIES).status_code == 200
    act(client, "promote", row)
    assert active_hash() == default_library().hash
