"""Group commit against a real database: groups made by two participants that insert names, each unique."""

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.contrib.auth.models import Group
from django.db import IntegrityError, OperationalError, transaction

from aura_db.committer import BATCH, Committer, Job, Participant, Waiter

pytestmark = pytest.mark.django_db(transaction=True)


class Naming(Job):
    def __init__(self, participant: "Names", done: Waiter, name: str, **how: Any) -> None:
        super().__init__(participant, done, **how)
        self.name = name


class Names(Participant[Naming]):
    """Inserts the names of its jobs; the outcome of each is how many jobs its transaction had of this participant."""

    def __init__(self, commits: Committer, place: int = 0) -> None:
        self.commits = commits
        self.place = place
        self.sizes: list[int] = []
        self.written: list[list[str]] = []
        self.missing: list[tuple[str, Any]] = []
        self.undone = 0
        self.tended = 0
        self.wants = False
        self.held = threading.Event()
        self.held.set()
        commits.join(self)

    def put(self, name: str, **how: Any) -> "asyncio.Future[Any]":
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.commits.put(Naming(self, done, name, **how))
        return done

    def submit(self, name: str, **how: Any) -> "Future[Any]":
        done: Future[Any] = Future()
        self.commits.put(Naming(self, done, name, **how))
        return done

    def write(self, connection: Any, cursor: Any, jobs: Sequence[Naming]) -> Sequence[Any]:
        self.held.wait(30)
        self.sizes.append(len(jobs))
        self.written.append([job.name for job in jobs])
        for job in jobs:
            if job.name == "away":
                raise OperationalError("the database is away")
            cursor.execute("INSERT INTO auth_group (name) VALUES (%s)", [job.name])
        return [len(jobs)] * len(jobs)

    def undo(self) -> None:
        self.undone += 1

    def committed(self, jobs: Sequence[Naming], outcomes: Sequence[Any]) -> None:
        if any(job.name == "unlucky" for job in jobs):
            raise ValueError("what follows a commit fails")

    def missed(self, job: Naming, outcome: Any) -> None:
        self.missing.append((job.name, outcome))

    def due(self) -> float | None:
        return 0 if self.wants else None

    def tend(self) -> None:
        self.tended += 1
        self.wants = False


@pytest.fixture
def commits(transactional_db: None) -> Iterator[Committer]:
    Group.objects.all().delete()
    own = Committer()
    yield own
    own.close()


def names() -> set[str]:
    return set(Group.objects.values_list("name", flat=True))


def held(names: Names, *jobs: tuple[Names, str, dict[str, Any]]) -> list["Future[Any]"]:
    """Put jobs that arrive while a transaction runs; return what they wait for once that has ended."""
    names.held.clear()
    first = names.submit(f"first {time.monotonic_ns()}")
    while names.commits.waiting:
        time.sleep(0.001)
    waiting = [one.submit(name, **how) for one, name, how in jobs]
    names.held.set()
    first.result(30)
    return waiting


def test_what_arrives_during_a_commit_shares_the_next_one_in_the_order_of_places(commits: Committer) -> None:
    late, early = Names(commits, 1), Names(commits, 0)
    order: list[str] = []
    for one, name in ((late, "late"), (early, "early")):
        one.prepare = lambda name=name: order.append(name)  # type: ignore[method-assign,misc]
    waiting = held(late, (late, "a", {}), (early, "b", {}), (late, "c", {}), (early, "d", {}))
    assert [one.result(30) for one in waiting] == [2, 2, 2, 2]
    assert order[-2:] == ["early", "late"]
    assert late.written[-1] == ["a", "c"]
    assert early.written == [["b", "d"]]
    assert {"a", "b", "c", "d"} <= names()


def test_what_cannot_be_written_fails_alone_whoever_it_belongs_to(commits: Committer) -> None:
    one, other = Names(commits), Names(commits)
    one.submit("taken").result(30)
    a, b, c = held(one, (one, "fine", {}), (other, "taken", {}), (other, "good", {}))
    assert (a.result(30), c.result(30)) == (1, 1)
    assert isinstance(b.exception(30), IntegrityError)
    assert {"fine", "good", "taken"} <= names()
    # Those of the group that was rolled back, and the one that failed by itself.
    assert (one.undone, other.undone) == (1, 2)


def test_a_database_that_does_not_answer_is_waited_for_once_by_all_together(commits: Committer) -> None:
    one = Names(commits)
    waiting = held(one, (one, "before", {}), (one, "away", {}), (one, "behind", {}))
    assert all(isinstance(failed.exception(30), OperationalError) for failed in waiting)
    assert one.sizes == [1, 3]
    assert one.submit("before").result(30) == 1
    assert "behind" not in names()


def test_who_wants_to_be_alone_is_and_a_transaction_is_bounded(commits: Committer) -> None:
    one = Names(commits)
    waiting = held(one, (one, "a", {}), (one, "b", {"alone": True}), (one, "c", {}), (one, "d", {"size": BATCH}))
    assert [done.result(30) for done in waiting] == [1, 1, 1, 1]
    assert one.written[1:] == [["a"], ["b"], ["c"], ["d"]]


def test_what_follows_a_commit_may_fail_and_nobody_is_told_otherwise(commits: Committer) -> None:
    one = Names(commits)
    assert one.submit("unlucky").result(30) == 1
    assert one.submit("next").result(30) == 1


def test_a_fault_of_a_participant_leaves_nobody_waiting(commits: Committer, monkeypatch: pytest.MonkeyPatch) -> None:
    one = Names(commits)
    with monkeypatch.context() as failing:
        failing.setattr(one, "write", lambda *_: [])
        assert isinstance(one.submit("few outcomes").exception(30), ValueError)
    with monkeypatch.context() as failing:
        failing.setattr(one, "undo", lambda: 1 / 0)
        assert isinstance(one.submit("away").exception(30), ZeroDivisionError)
    assert one.submit("next").result(30) == 1


async def test_a_caller_may_leave_until_it_is_begun_unless_its_job_must_be(commits: Committer) -> None:
    one = Names(commits)
    one.held.clear()
    begun = one.put("begun")
    while commits.waiting:
        await asyncio.sleep(0.001)
    left, must = one.put("left"), one.put("must", must=True)
    for leaving in (begun, left, must):
        leaving.cancel()
    behind = one.put("behind")
    one.held.set()
    assert await behind == 2
    await asyncio.sleep(0)
    assert await database_sync_to_async(names)() == {"begun", "must", "behind"}
    # Whoever wrote for them is told, so that it can take back what nobody will use.
    assert one.missing == [("begun", 1), ("must", 2)]
    await asyncio.to_thread(commits.close)


async def test_who_is_patient_waits_for_others_where_others_come_and_lets_those_pass_who_are_not(
    commits: Committer, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Names(commits)
    monkeypatch.setattr("aura_db.committer.PATIENCE", 600)
    # Who comes alone never waits, however patient.
    for number in range(3):
        assert await one.put(f"alone {number}", patient=True) == 1
    company = held(one, *((one, f"company {number}", {"patient": True}) for number in range(3)))
    assert [done.result(30) for done in company] == [3, 3, 3]
    waiting = [one.put(f"patient {number}", patient=True) for number in range(5)]
    for number in range(3):
        assert await one.put(f"now {number}") == 1
    assert not any(done.done() for done in waiting)
    await asyncio.to_thread(commits.close)
    assert await asyncio.gather(*waiting) == [5] * 5


def test_whose_time_has_come_goes_along_with_those_who_are_not_patient(
    commits: Committer, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Names(commits)
    monkeypatch.setattr("aura_db.committer.PATIENCE", 0)
    waiting = held(one, (one, "patient", {"patient": True}), (one, "now", {}), (one, "patient, too", {"patient": True}))
    assert [done.result(30) for done in waiting] == [3, 3, 3]
    assert one.written[-1] == ["patient", "patient, too", "now"]


@pytest.mark.parametrize("patience", [0, 600])
def test_neither_who_is_patient_nor_who_is_not_keeps_the_other_waiting(
    commits: Committer, monkeypatch: pytest.MonkeyPatch, patience: int
) -> None:
    """Each of these fills a transaction."""
    one = Names(commits)
    monkeypatch.setattr("aura_db.committer.PATIENCE", patience)
    full = {"size": BATCH}
    jobs = [(one, f"{number}", {"patient": number % 2 == 0, **full}) for number in range(8)]
    for done in held(one, *jobs):
        done.result(30)
    patient = [number for number, (name,) in enumerate(one.written[1:]) if int(name) % 2 == 0]
    if patience:
        assert patient == [4, 5, 6, 7]
    else:
        assert patient[0] < 4
        assert max(number for number in range(8) if number not in patient) > 4


async def test_streams_whose_parts_trickle_in_share_transactions(commits: Committer) -> None:
    one = Names(commits)
    await asyncio.gather(*(one.put(f"begin {number}") for number in range(8)))
    one.sizes.clear()

    async def say(number: int) -> None:
        for part in range(30):
            await one.put(f"{number} {part}", patient=True)
            await asyncio.sleep(0.001 * number)

    await asyncio.gather(*map(say, range(8)))
    assert sum(one.sizes) == 8 * 30
    assert len(one.sizes) < 8 * 30 / 2
    await asyncio.to_thread(commits.close)


def test_it_may_be_closed_and_used_again_and_tends_whoever_is_due(commits: Committer) -> None:
    one = Names(commits)
    one.wants = True
    one.submit("a").result(30)
    end = time.monotonic() + 30
    while not one.tended and time.monotonic() < end:
        time.sleep(0.001)
    assert one.tended == 1
    waiting = held(one, (one, "b", {}))
    commits.close()
    assert waiting[0].result(0) == 1
    assert one.tended == 2  # at the end
    assert one.submit("c").result(30) == 1


def test_many_threads_lose_nothing_while_it_is_closed_again_and_again(commits: Committer) -> None:
    one = Names(commits)
    done: list[Any] = []

    def say(number: int) -> None:
        done.extend(one.submit(f"{number} {part}").result(60) for part in range(20))

    threads = [threading.Thread(target=say, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        commits.close()
    assert len(done) == 160
    assert Group.objects.count() == 160


def test_what_is_held_up_by_another_transaction_comes_when_that_is_over(commits: Committer) -> None:
    one = Names(commits)
    with transaction.atomic():
        Group.objects.create(name="held")
        waiting = [one.submit(f"behind {number}") for number in range(4)]
        time.sleep(0.05)
    assert all(done.result(30) for done in waiting)
    assert len(names()) == 5
