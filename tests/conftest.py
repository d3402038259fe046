"""Fixtures for all tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from audit import immutability
from audit.journal import journal
from tests.live import LiveServer


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


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A running server with the mock model, for all tests of a session."""
    server = LiveServer(tmp_path_factory.mktemp("live"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[LiveServer]:
    """A running server of this test alone, which it may kill."""
    server = LiveServer(tmp_path)
    server.start()
    yield server
    server.stop()
