"""Fixtures for all tests."""

from collections.abc import Iterator

import pytest

from audit import immutability
from audit.journal import journal


@pytest.fixture(autouse=True)
def record_of_a_test(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let a test with a database of its own write on the record, and empty it afterwards.

    Emptying is what the record's triggers forbid, so they are away while the database is flushed.
    """
    marker = request.node.get_closest_marker("django_db")
    if marker is None or not marker.kwargs.get("transaction"):
        yield
        return
    request.getfixturevalue("_django_db_helper")
    from django.db import connection

    immutability.install(connection)
    yield
    journal().close()
    immutability.remove(connection)
