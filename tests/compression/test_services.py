import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import IntegrityError, transaction

from compression import models, services
from compression.codec import Library, LibraryError, Template, default_library
from compression.errors import ActiveLibrary, IdTaken, NoEarlierLibrary
from compression.models import Library as Row

pytestmark = pytest.mark.django_db
Status = Row.Status


def active() -> Row:
    return Row.objects.get(status=Status.ACTIVE)


def test_a_migrated_database_has_the_default_library_active() -> None:
    row = active()
    assert row.hash == default_library().hash
    assert row.origin == Row.Origin.DEFAULT
    assert row.value == default_library()
    assert row.promoted_by is None
    assert {template.value for template in row.templates.all()} == set(default_library().templates)


def test_migrating_again_changes_nothing(library: Library) -> None:
    services.promote(services.install_library(library))
    call_command("migrate", verbosity=0)
    assert active().hash == library.hash
    assert Row.objects.count() == 2


def test_a_newer_default_library_takes_the_place_of_an_older_one(library: Library) -> None:
    Row.objects.all().delete()
    older = services.promote(services.install_library(library, Row.Origin.DEFAULT))
    services.install_default_library()
    assert active().hash == default_library().hash
    older.refresh_from_db()
    assert older.status == Status.RETIRED


def test_a_default_library_that_was_replaced_stays_replaced(library: Library) -> None:
    services.promote(services.install_library(library))
    services.install_default_library()
    assert active().hash == library.hash


def test_installing_stores_a_candidate_once(library: Library) -> None:
    row = services.install_library(library, Row.Origin.DISCOVERY)
    assert row.status == Status.CANDIDATE
    assert row.manifest.encode() == library.manifest
    assert [template.id for template in row.templates.all()] == [200, 201]
    assert services.install_library(library) == row


def test_libraries_share_templates(library: Library, other_library: Library) -> None:
    services.install_library(library)
    services.install_library(other_library)
    assert models.Template.objects.get(id=200).libraries.count() == 2


def test_an_id_is_never_used_for_other_parts(library: Library) -> None:
    services.install_library(library)
    with pytest.raises(IdTaken, match="200"):
        services.install_library(Library([Template(200, ("Something else",))]))
    assert Row.objects.count() == 2


def test_low_ids_are_reserved() -> None:
    with pytest.raises(IdTaken, match="reserved"):
        services.install_library(Library([Template(127, ("Mine",))]))


def test_promoting_retires_the_one_before(library: Library) -> None:
    reviewer = User.objects.create_user("reviewer")
    before = active()
    row = services.promote(services.install_library(library), reviewer)
    before.refresh_from_db()
    assert (row.status, row.promoted_by) == (Status.ACTIVE, reviewer)
    assert before.status == Status.RETIRED
    assert before.retired == row.promoted
    assert services.promote(row) == row


def test_the_database_allows_one_active_library(library: Library) -> None:
    row = services.install_library(library)
    with pytest.raises(IntegrityError), transaction.atomic():
        Row.objects.filter(pk=row.pk).update(status=Status.ACTIVE)


def test_a_changed_manifest_is_not_promoted(library: Library, other_library: Library) -> None:
    row = services.install_library(library)
    Row.objects.filter(pk=row.pk).update(manifest=other_library.manifest.decode())
    with pytest.raises(LibraryError, match="hash"):
        services.promote(row)
    assert active().hash == default_library().hash


def test_retiring(library: Library) -> None:
    row = services.retire(services.install_library(library))
    assert row.status == Status.RETIRED
    assert services.retire(row).retired == row.retired
    with pytest.raises(ActiveLibrary):
        services.retire(active())


def test_rolling_back_and_forth(library: Library, other_library: Library) -> None:
    services.retire(services.install_library(other_library))
    with pytest.raises(NoEarlierLibrary):
        services.roll_back()
    services.promote(services.install_library(library))
    assert services.roll_back().hash == default_library().hash
    assert services.roll_back().hash == library.hash
    assert active().hash == library.hash


@pytest.mark.django_db(transaction=True)
def test_the_app_can_be_migrated_away_and_back() -> None:
    call_command("migrate", "compression", "zero", verbosity=0)
    call_command("migrate", "compression", verbosity=0)
    assert active().hash == default_library().hash
