"""Jobs in the database: limits, cancelling, and inputs that nobody asks for any more."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.utils import timezone

from audit import selectors, signals
from audit.models import Entry
from streaming.jobs import services, spool
from streaming.jobs.errors import Gone, InputTooLarge, TooManyJobs, UnknownJob
from streaming.jobs.spool import Folder
from streaming.models import DatasetJob

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, settings: Any) -> None:
    settings.AURA_DATA_DIR = tmp_path


@pytest.fixture
def user() -> Any:
    return get_user_model().objects.create_user("ada")


def made(user: Any) -> DatasetJob:
    parameters = {"esn_size": 64}
    return async_to_sync(services.create)(user, "stream_process", parameters, "text", None)


def test_a_job_is_made_found_and_cancelled_once(user: Any) -> None:
    job = made(user)
    assert async_to_sync(services.find)(user, job.pk).parameters == {"esn_size": 64}
    assert services.folder(job).look() == (0, False)
    assert services.cancel(job, "root")
    assert not services.cancel(job, "root")
    job.refresh_from_db()
    assert job.status == DatasetJob.Status.CANCELLED
    with pytest.raises(Gone, match="send it again"):
        async_to_sync(services.find)(user, job.pk)
    with pytest.raises(UnknownJob):
        async_to_sync(services.find)(user, uuid4())
    entries = selectors.events_of(Entry.objects.filter(stream=job.pk).select_related("content").order_by("seq"))
    assert [(entry.actor, entry.meta["action"]) for entry in entries] == [
        ("ada", "dataset_started"),
        ("root", "dataset_cancelled"),
    ]


def test_the_whole_input_is_hashed(user: Any) -> None:
    job = made(user)
    services.folder(job).append(b"abc", 0)
    async_to_sync(services.received)(job, "ada")
    job.refresh_from_db()
    assert (job.size, services.folder(job).look()) == (3, (3, True))
    assert job.digest == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_what_nobody_asks_for_is_deleted(user: Any, settings: Any) -> None:
    settings.STREAMING_DATASET_KEEP = 100.0
    old, new, done = made(user), made(user), made(user)
    long_ago = timezone.now() - timedelta(seconds=101)
    DatasetJob.objects.filter(pk__in=[old.pk, done.pk]).update(updated=long_ago)
    DatasetJob.objects.filter(pk=done.pk).update(status="done", updated=long_ago)
    stray = Folder.of(services.root(), uuid4())
    stray.create()
    (services.root() / "notes").mkdir()
    assert services.expire() == 3
    assert [job.status for job in (DatasetJob.objects.get(pk=job.pk) for job in (old, new, done))] == [
        "failed",
        "waiting",
        "done",
    ]
    assert [services.folder(job).path.exists() for job in (old, new, done)] == [False, True, False]
    assert (services.root() / "notes").exists()
    assert services.expire() == 0
    DatasetJob.objects.filter(pk=old.pk).update(updated=timezone.now() - timedelta(days=services.LISTED_DAYS + 1))
    services.expire()
    assert not DatasetJob.objects.filter(pk=old.pk).exists()


def test_who_was_erased_leaves_nothing(user: Any) -> None:
    other = get_user_model().objects.create_user("eve")
    mine, too, theirs, named = made(user), made(user), made(other), made(other)
    signals.erased.send(sender=None, user=user, name="ada", conversations=[], streams=[named.pk])
    assert list(DatasetJob.objects.values_list("pk", flat=True)) == [theirs.pk]
    kept = [services.folder(job).path.exists() for job in (mine, too, theirs, named)]
    assert kept == [False, False, True, False]
    signals.erased.send(sender=None, user=None, name="", conversations=[], streams=[])
    assert DatasetJob.objects.count() == 1


def test_jobs_and_room_are_bounded(user: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "OPEN_JOBS", 2)
    first = made(user)
    made(user)
    with pytest.raises(TooManyJobs, match="cancel some"):
        made(user)
    settings.STREAMING_DATASET_LIMIT, settings.STREAMING_DATASET_SPACE = 1000, 1500
    assert services.room() == 1000
    services.folder(first).append(b"x" * 800, 0)
    assert spool.used(services.root()) == 800
    assert services.room() == 700
    services.folder(first).append(b"x" * 800, 800)
    with pytest.raises(InputTooLarge, match="No room"):
        services.room()


def test_two_uploads_cannot_mix(user: Any) -> None:
    files = services.folder(made(user))
    files.append(b"one", 0)
    with pytest.raises(BlockingIOError):
        files.append(b"two", 0)
    assert files.look() == (3, False)


def test_the_nearest_checkpoint(user: Any) -> None:
    files = services.folder(made(user))
    assert files.nearest(10**9) is None
    for position in (100, 2000, 30_000):
        files.save(position, str(position).encode())
    assert [files.nearest(position) for position in (99, 100, 29_999, 30_000)] == [None, b"100", b"2000", b"30000"]
