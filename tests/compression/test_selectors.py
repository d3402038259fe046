import asyncio
import logging
import time

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from compression import selectors, services
from compression.codec import Library, default_library
from compression.models import Library as Row


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    now = time.monotonic()
    monkeypatch.setattr(selectors.time, "monotonic", lambda: now + seconds)


@pytest.mark.django_db
def test_a_fresh_answer_costs_no_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    assert selectors.active_library() == default_library()
    with django_assert_num_queries(0):
        assert selectors.active_library() == default_library()


@pytest.mark.django_db
def test_a_change_by_another_process_is_seen_within_two_seconds(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert selectors.active_library() == default_library()
    row = services.install_library(library)
    # As another process would: nobody tells this one.
    Row.objects.filter(status=Row.Status.ACTIVE).update(status=Row.Status.RETIRED)
    Row.objects.filter(pk=row.pk).update(status=Row.Status.ACTIVE)
    assert selectors.active_library() == default_library()
    later(monkeypatch, 2.0)
    assert selectors.active_library() == library


@pytest.mark.django_db(transaction=True)
def test_a_promotion_in_this_process_is_seen_at_once(library: Library) -> None:
    assert selectors.active_library() == default_library()
    services.promote(services.install_library(library))
    assert selectors.active_library() == library


@pytest.mark.django_db(transaction=True)
async def test_from_asynchronous_code(library: Library) -> None:
    row = await asyncio.to_thread(services.install_library, library)
    await asyncio.to_thread(services.promote, row)
    # The database may not be asked here, so this is the last answer known.
    assert selectors.active_library() in (default_library(), library)
    answers = await asyncio.gather(*(selectors.active_library_async() for _ in range(5)))
    assert answers == [library] * 5
    assert selectors.active_library() == library


@pytest.mark.django_db
def test_without_an_active_library_it_is_the_default_one() -> None:
    Row.objects.all().delete()
    assert selectors.active_library() == default_library()


@pytest.mark.django_db
def test_a_changed_library_is_not_used_and_reported(
    library: Library, other_library: Library, caplog: pytest.LogCaptureFixture
) -> None:
    row = services.promote(services.install_library(other_library))
    selectors._load.cache_clear()
    Row.objects.filter(pk=row.pk).update(manifest=library.manifest.decode())
    selectors.forget()
    with caplog.at_level(logging.ERROR):
        assert selectors.active_library() == default_library()
        assert selectors.library_by_hash(other_library.hash) is None
    assert "hash" in caplog.text


@pytest.mark.django_db
def test_a_database_that_is_away_is_reported_and_the_last_answer_stands(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert selectors.active_library() == default_library()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE compression_library RENAME TO compression_library_away")
    later(monkeypatch, 2.0)
    with caplog.at_level(logging.ERROR):
        assert selectors.active_library() == default_library()
    assert "could not be read" in caplog.text


@pytest.mark.django_db
def test_libraries_by_hash(library: Library) -> None:
    assert selectors.library_by_hash(default_library().hash) == default_library()
    assert selectors.library_by_hash("0" * 64) is None
    row = services.install_library(library)
    assert selectors.library_by_hash(library.hash) is None
    services.promote(row)
    assert selectors.library_by_hash(library.hash) == library
    services.roll_back()
    assert selectors.library_by_hash(library.hash) == library
