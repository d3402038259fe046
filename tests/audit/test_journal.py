"""The journal against a real database, and against kill -9."""

import asyncio
import itertools
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from channels.db import database_sync_to_async

from audit import selectors
from audit.errors import Conflict
from audit.journal import Journal, journal
from audit.records.chain import Problem
from audit.records.event import Event, Kind

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.django_db(transaction=True)


def chunk(offset: int, stream: UUID, text: str = "text") -> Event:
    return Event(Kind.CHUNK, UUID(int=1), stream, 1, offset, "ada", time.time_ns() // 1000, text)


async def checked() -> tuple[int, Problem | None]:
    return await database_sync_to_async(selectors.verify_chain, thread_sensitive=False)()


async def test_events_of_many_writers_are_numbered_without_gap_and_in_order_by_stream() -> None:
    async def write(stream: UUID) -> list[int]:
        return [(await journal().append([chunk(offset, stream)]))[0] for offset in range(20)]

    numbers = await asyncio.gather(*(write(uuid4()) for _ in range(64)))
    # The first entry says that keys were made for the record itself and for ada.
    assert sorted(itertools.chain.from_iterable(numbers)) == list(range(2, 64 * 20 + 2))
    assert all(own == sorted(own) for own in numbers)
    assert await checked() == (64 * 20 + 1, None)


async def test_an_offset_is_recorded_once_and_its_refusal_spoils_no_other() -> None:
    stream, other = uuid4(), uuid4()
    await journal().append([chunk(0, stream)])
    results = await asyncio.gather(
        journal().append([chunk(0, stream, "again")]),
        *(journal().append([chunk(offset, other)]) for offset in range(5)),
        return_exceptions=True,
    )
    assert isinstance(results[0], Conflict)
    assert all(isinstance(result, list) for result in results[1:])
    assert await checked() == (7, None)


async def test_who_keeps_events_is_told_before_it_goes_on_and_cancelled_only_when_they_are_kept() -> None:
    stream, told = uuid4(), []

    async def keep(offset: int) -> None:
        await journal().keep([chunk(offset, stream)], lambda: told.append(offset))
        told.append(-offset)

    async def cancelled(offset: int) -> None:
        keeping = asyncio.create_task(keep(offset))
        await asyncio.sleep(0)
        keeping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await keeping

    await keep(1)
    assert told == [1, -1]
    await cancelled(2)
    assert told == [1, -1, 2]
    with pytest.raises(Conflict):
        await keep(2)
    await cancelled(1)  # refused as well, and nobody is left to be told why
    assert told == [1, -1, 2]
    assert await checked() == (3, None)


async def test_what_cannot_be_written_is_refused_before_it_is_queued() -> None:
    with pytest.raises(ValueError, match="cannot be recorded"):
        await journal().append([Event(Kind.CHUNK, UUID(int=1), uuid4(), 1, 0, "ada", 2**60, "", {"n": 2**60})])


def test_a_journal_may_be_closed_and_used_again() -> None:
    own = Journal()
    assert own.submit([chunk(0, uuid4())]).result(10) == [2]
    own.close()
    assert own.submit([chunk(0, uuid4())]).result(10) == [3]
    own.close()


@pytest.mark.vendor("sqlite")  # kills a writer of an SQLite file
def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    environment = {**os.environ, "AURA_DATA_DIR": str(tmp_path), "DATABASE_URL": "", "PYTHONPATH": str(ROOT)}
    environment.pop("DATABASE_URL")
    run = [sys.executable, "manage.py", "migrate", "--verbosity=0", "--settings=aura_site.settings"]
    subprocess.run(run, cwd=ROOT, env=environment, check=True, timeout=120)
    acknowledged: set[int] = set()
    chance = random.Random(7)
    for _ in range(8):
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.audit.crash"], cwd=ROOT, env=environment, stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        first = child.stdout.readline()
        time.sleep(chance.uniform(0, 0.2))
        child.send_signal(signal.SIGKILL)
        rest = child.stdout.read()
        child.stdout.close()
        child.wait(10)
        lines = (first + rest).split(b"\n")[:-1]
        acknowledged.update(int(line) for line in lines)
    with sqlite3.connect(tmp_path / "aura.sqlite3") as database:
        kept = {row[0] for row in database.execute("SELECT seq FROM audit_entry")}
    database.close()
    assert len(acknowledged) > 8
    assert acknowledged <= kept
    assert kept == set(range(1, len(kept) + 1))
    check = [sys.executable, "manage.py", "verify_audit", "--settings=aura_site.settings"]
    told = subprocess.run(check, cwd=ROOT, env=environment, check=True, timeout=120, capture_output=True, text=True)
    assert f"{len(kept)} entries are good" in told.stdout
