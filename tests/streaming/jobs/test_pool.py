"""The pool with real workers: never more than it may have, each in turn, and none lost."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from streaming.datasets.events import Layout
from streaming.datasets.network import Spec
from streaming.datasets.pace import Shape
from streaming.datasets.payload import Codec
from streaming.datasets.runs import Cursor
from streaming.jobs.pool import Pool, WorkerLost
from streaming.jobs.slices import Task
from streaming.jobs.spool import Folder

SPEC = Spec(1, 16)
# One chunk, which a slice always gets done.
SIZE = 100


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    made = Pool(1)
    yield made
    await made.aclose()
    assert made.pids == []


@pytest.fixture
def files(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path / "job")
    folder.create()
    folder.append(b"x" * SIZE, 0)
    folder.finish()
    return folder


def task(files: Folder, cursor: Cursor | None = None, size: int = SIZE) -> Task:
    return Task(SPEC, SIZE, Layout("0" * 32, Codec.NONE), Shape(0, 0), files, cursor, size, last=True)


async def test_many_jobs_share_one_worker_in_turn(pool: Pool, files: Folder) -> None:
    turns: list[int] = []
    pids: set[int] = set()

    async def job(name: int) -> None:
        for _ in range(5):
            outcome = await pool.compute(task(files))
            assert outcome.cursor.position == SIZE
            turns.append(name)
            pids.update(pool.pids)

    await asyncio.gather(*(job(name) for name in range(8)))
    assert len(pids) == 1
    # Who has had a turn waits until all others have had theirs.
    assert turns == list(range(8)) * 5


async def test_who_gives_up_waiting_costs_nobody_his_turn(pool: Pool, files: Folder) -> None:
    await pool.compute(task(files))
    for rounds in range(6):
        asking = [asyncio.create_task(pool.compute(task(files))) for _ in range(6)]
        # At another moment each time: while he waits, when his turn has just come, while the worker computes.
        for _ in range(rounds):
            await asyncio.sleep(0)
        left = {number for number in (0, 3) if asking[number].cancel()}
        done = await asyncio.gather(*asking, return_exceptions=True)
        assert {number for number, one in enumerate(done) if isinstance(one, asyncio.CancelledError)} == left
        assert [one for one in done if isinstance(one, WorkerLost)] == []
    assert (await pool.compute(task(files))).cursor.position == SIZE
    assert pool.waiting == 0
    assert len(pool.pids) == 1


async def test_the_place_of_a_worker_that_was_killed_is_handed_on(pool: Pool, files: Folder) -> None:
    await pool.compute(task(files))
    (pid,) = pool.pids
    os.kill(pid, signal.SIGSTOP)
    asking = [asyncio.create_task(pool.compute(task(files))) for _ in range(4)]
    await asyncio.sleep(0)
    os.kill(pid, signal.SIGKILL)
    first, *others = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(first, WorkerLost)
    assert [one.cursor.position for one in others if not isinstance(one, BaseException)] == [SIZE] * 3
    assert len(pool.pids) == 1
    assert pool.pids != [pid]


async def test_what_a_task_raises_comes_back_and_the_worker_stays(pool: Pool, files: Folder) -> None:
    with pytest.raises(FileNotFoundError):
        await pool.compute(task(Folder(files.path / "nowhere")))
    (pid,) = pool.pids
    assert (await pool.compute(task(files))).cursor.position == SIZE
    assert pool.pids == [pid]


async def test_a_pool_that_stops_lets_nobody_wait(files: Folder) -> None:
    pool = Pool(1)
    await pool.compute(task(files))
    os.kill(pool.pids[0], signal.SIGSTOP)
    asking = [asyncio.create_task(pool.compute(task(files))) for _ in range(3)]
    await asyncio.sleep(0)
    await pool.aclose()
    done = await asyncio.gather(*asking, return_exceptions=True)
    assert all(isinstance(one, WorkerLost | asyncio.CancelledError) for one in done)
    with pytest.raises(WorkerLost, match="stops"):
        await pool.compute(task(files))
