"""Turns of writers: one at a time, in the order in which they came, and never for ever."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.transaction import atomic

from aura_site.sqlite3.base import DatabaseWrapper
from aura_site.sqlite3.gate import Gate, gate

# SQLite whatever the database of the tests is; the marker lets connections be made at all.
pytestmark = pytest.mark.django_db(transaction=True)


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_they_come_in_in_the_order_in_which_they_came() -> None:
    one, came = Gate(), []

    def come(number: int) -> None:
        assert one.enter(20)
        came.append(number)
        one.leave()

    assert one.enter(0)
    threads = [threading.Thread(target=come, args=[number]) for number in range(8)]
    for number, thread in enumerate(threads):
        thread.start()
        wait_until(lambda number=number: len(one._waiting) == number + 1)
    one.leave()
    for thread in threads:
        thread.join(20)
    assert came == list(range(8))
    assert one.enter(0)


def test_who_gave_up_is_passed_over() -> None:
    one = Gate()
    assert one.enter(0)
    assert not one.enter(0.01)
    one.leave()
    assert one.enter(0)


def test_a_child_process_begins_with_open_gates() -> None:
    assert gate("of this test").enter(0)
    child = os.fork()
    if not child:
        os._exit(0 if gate("of this test").enter(0) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    gate("of this test").leave()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Callable[[], DatabaseWrapper]]:
    """Make connections to one file, closed in the end."""
    made: list[DatabaseWrapper] = []
    given: dict[str, Any] = {
        **connections["default"].settings_dict,
        "ENGINE": "aura_site.sqlite3",
        "NAME": str(tmp_path / "one.sqlite3"),
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 0.2, "check_same_thread": False},
    }

    def connect() -> DatabaseWrapper:
        made.append(DatabaseWrapper(given, f"turns {len(made)}"))
        made[-1].inc_thread_sharing()
        return made[-1]

    with closing(connect()) as first, first.cursor() as cursor:
        cursor.execute("CREATE TABLE words (word TEXT)")
    yield connect
    for one in made:
        one.close()


def begin(connection: BaseDatabaseWrapper) -> None:
    connection.ensure_connection()
    connection.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)


@pytest.mark.parametrize("end", ["commit", "rollback", "close"])
def test_every_way_out_of_a_transaction_lets_the_next_one_in(database: Callable[[], DatabaseWrapper], end: str) -> None:
    one, other = database(), database()
    begin(one)
    with pytest.raises(OperationalError, match="locked"):
        begin(other)
    getattr(one, end)()
    begin(other)
    other.rollback()


def test_a_transaction_that_could_not_begin_holds_nobody_up(
    database: Callable[[], DatabaseWrapper], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = database(), database()
    one.ensure_connection()

    def refuse(_wrapper: Any) -> None:
        raise OperationalError("disk I/O error")

    with monkeypatch.context() as patched:
        patched.setattr(DatabaseWrapper.__bases__[0], "_start_transaction_under_autocommit", refuse)
        with pytest.raises(OperationalError, match="disk"):
            begin(one)
    begin(other)
    other.rollback()


def test_a_writer_gets_in_beside_one_that_never_pauses(database: Callable[[], DatabaseWrapper]) -> None:
    stop, ready = threading.Event(), threading.Event()

    def write_on() -> None:
        mine = database()
        while not stop.is_set():
            begin(mine)
            with mine.cursor() as cursor:
                cursor.execute("INSERT INTO words VALUES ('busy')")
            ready.set()
            mine.commit()
            mine.set_autocommit(True)

    busy = threading.Thread(target=write_on)
    busy.start()
    assert ready.wait(20)
    mine = database()
    try:
        for _ in range(20):
            begin(mine)
            mine.commit()
            mine.set_autocommit(True)
    finally:
        stop.set()
        busy.join(20)


@pytest.mark.vendor("sqlite")  # it is the backend of SQLite
def test_the_settings_use_it() -> None:
    connection = connections["default"]
    with atomic():
        assert isinstance(connection, DatabaseWrapper)
        assert connection._inside is not None
    assert connection._inside is None
