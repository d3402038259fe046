"""The scheduler's memory."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from celery import Celery

from aura_site.celery import app as own
from aura_site.schedule import Scheduler

FILE = "celerybeat-schedule"


def scheduler(folder: Path) -> Scheduler:
    app = Celery("test", set_as_current=False)
    app.conf.beat_schedule = {"often": {"task": "a.task", "schedule": 5.0}}
    return Scheduler(app, schedule_filename=str(folder / FILE), lazy=False)


def test_the_worker_uses_it() -> None:
    assert own.conf.beat_scheduler == f"{Scheduler.__module__}:{Scheduler.__name__}"


def test_it_remembers_when_a_task_was_sent(tmp_path: Path) -> None:
    first = scheduler(tmp_path)
    entry = first.schedule["often"]
    first.schedule["often"] = type(entry)(**{**vars(entry), "last_run_at": entry.last_run_at - timedelta(hours=1)})
    sent = first.schedule["often"].last_run_at
    first.close()
    assert scheduler(tmp_path).schedule["often"].last_run_at == sent
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_it_keeps_no_descriptor_that_another_may_close(tmp_path: Path) -> None:
    kept = scheduler(tmp_path)
    folder = Path(f"/proc/{os.getpid()}/fd")
    named = {str(one.readlink()) for one in folder.iterdir() if one.is_symlink()}
    assert not any(name.startswith(str(tmp_path)) for name in named)
    kept.close()


@pytest.mark.parametrize(
    "content", [b"", b"SQLite format 3\0" + bytes(4096), b"\x13\x57\x9a\xce" + bytes(100), b"\x80\x04K\x01."]
)
def test_what_another_version_wrote_or_a_crash_left_begins_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    kept = scheduler(tmp_path)
    assert set(kept.schedule) >= {"often"}
    kept.close()
    assert scheduler(tmp_path).schedule["often"].task == "a.task"


def test_a_folder_that_cannot_be_written_ends_no_scheduler(tmp_path: Path) -> None:
    kept = scheduler(tmp_path)
    (tmp_path / f"{FILE}.new").mkdir()
    kept.sync()
    assert "often" in kept.schedule


def at(kept: Scheduler, **later: float) -> None:
    """Have the clock be ahead by that when a task was sent."""
    entry = kept.schedule["often"]
    entry.last_run_at += timedelta(**later)


def test_after_the_clock_was_set_back_tasks_are_due_an_interval_later_and_not_when_it_is_there_again(
    tmp_path: Path,
) -> None:
    first = scheduler(tmp_path)
    at(first, days=400)
    first.close()
    # What was learned under the wrong clock: from the file after a start, and from the times already reckoned with.
    kept = scheduler(tmp_path)
    for _ in range(2):
        assert 0 < kept.tick() <= 5.0
        at(kept, days=400)
        kept.populate_heap()
    assert kept.schedule["often"].last_run_at > kept.app.now()
    kept.tick()
    assert kept.schedule["often"].last_run_at <= kept.app.now()
