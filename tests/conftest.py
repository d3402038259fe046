"""Fixtures for all tests."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest
from django.utils import translation

from audit import immutability
from audit.journal import journal
from routing_ai.ledger import ledger
from tests import longest
from tests.live import PREPARED, LiveServer
from tests.skips import pytest_make_collect_report, pytest_runtest_makereport

if TYPE_CHECKING:
    from tests.streaming.bridges.places import Kafka

# How long an example takes says something of the machine, not of the code.
hypothesis.settings.register_profile("aura", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("aura")

__all__ = ["pytest_make_collect_report", "pytest_runtest_makereport"]


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder in which all processes of a run find what servers begin with."""
    if not hasattr(config, "workerinput"):
        folder = tempfile.TemporaryDirectory(prefix="aura-live-")
        os.environ[PREPARED] = folder.name
        config.add_cleanup(folder.cleanup)


@pytest.fixture(autouse=True)
def language_of_a_test() -> None:
    """Begin in the language of the settings: a request that a test made may have left its own behind."""
    translation.deactivate()


@pytest.fixture(autouse=True)
def record_of_a_test(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let a test with a database of its own write on the record, and empty it afterwards.

    Emptying is what the record's triggers forbid, so they are away while the database is flushed.
    """
    marker = request.node.get_closest_marker("django_db")
    if marker is None or not marker.kwargs.get("transaction"):
        yield
        return
    request.getfixturevalue("_django_db_helper")
    from django.db import connection

    # Signed heads outlive a database: those of one test would rightly accuse the next.
    request.getfixturevalue("settings").AUDIT_CHECKPOINT_DIR = tmp_path_factory.mktemp("checkpoints")
    immutability.install(connection)
    yield
    journal().close()
    ledger().close()
    immutability.remove(connection)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of a module that says SERVERS against each of them."""
    for name in ("live", "own_server"):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, getattr(metafunc.module, "SERVERS", ["uvicorn"]), indirect=True)


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Kafka]":
    """A Kafka of the module's own."""
    from tests.streaming.bridges import places

    yield from places.started(places.Kafka(tmp_path_factory.mktemp("kafka"), lined=False))


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, LiveServer]]:
    """The servers that run for all tests of a session, by name; `live` adds to them."""
    started: dict[str, LiveServer] = {}
    yield started
    for server in started.values():
        server.stop()


@pytest.fixture
def live(
    request: pytest.FixtureRequest, servers: dict[str, LiveServer], tmp_path_factory: pytest.TempPathFactory
) -> LiveServer:
    """A running server with the mock model, shared by all tests of a session."""
    name = request.param
    if name not in servers:
        server = LiveServer(tmp_path_factory.mktemp(f"live-{name}"), name)
        server.start()
        servers[name] = server
    return servers[name]


@pytest.fixture
def own_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LiveServer]:
    """A running server of this test alone, which it may kill; the marker `environment` sets variables for it."""
    marker = request.node.get_closest_marker("environment")
    server = LiveServer(tmp_path, request.param, **(marker.kwargs if marker is not None else {}))
    server.start()
    yield server
    server.stop()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests of another database than the one in use, those marked `vendor` with its name; the longest modules
    begin first."""
    from django.db import connection

    def belongs(item: pytest.Item) -> bool:
        marker = item.get_closest_marker("vendor")
        return marker is None or marker.args[0] == connection.vendor

    others = [item for item in items if not belongs(item)]
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if belongs(item)]
    items.sort(key=lambda item: longest.place(item.nodeid))
