"""Jobs in the database and on the record."""

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from channels.db import database_sync_to_async
from django.conf import settings
from django.db.models import F, Q
from django.utils import timezone

from audit.journal import journal
from audit.records.event import Event, Kind
from streaming import recorded
from streaming.jobs import spool
from streaming.jobs.errors import Gone, InputTooLarge, TooManyJobs, Unfinished, UnknownJob
from streaming.jobs.spool import Folder
from streaming.messages import Message
from streaming.models import DatasetJob

log = logging.getLogger(__name__)

Status = DatasetJob.Status

# Jobs of a user that have not ended, and days that a job is listed after it was last asked for; the record keeps all.
OPEN_JOBS = 1_000
LISTED_DAYS = 30


def root() -> Path:
    """Return the folder of all inputs."""
    return Path(settings.AURA_DATA_DIR) / "datasets"


def folder(job: DatasetJob) -> Folder:
    """Return where the job's files are."""
    return Folder.of(root(), job.pk)


def room() -> int:
    """Return the bytes that a further input may have. Raises InputTooLarge when there is no room at all."""
    left = settings.STREAMING_DATASET_SPACE - spool.used(root())
    if left <= 0:
        raise InputTooLarge("No room is left for datasets: wait until earlier ones have expired, or ask the operator.")
    return int(min(settings.STREAMING_DATASET_LIMIT, left))


def entry(job: DatasetJob, actor: str, action: str, **details: Any) -> Event:
    """Return what goes on the record of something done with a job."""
    message = Message(job.user_id, actor, conversation=job.pk, stream=job.pk, text="")
    return recorded.entry(message, Kind.CONTROL, meta={"action": f"dataset_{action}", "job": str(job.pk), **details})


def _admit(user: Any) -> None:
    """Raise TooManyJobs when the user has too many that have not ended."""
    if DatasetJob.objects.filter(user=user, status__in=DatasetJob.OPEN).count() >= OPEN_JOBS:
        raise TooManyJobs(f"{OPEN_JOBS} jobs of yours have not ended: cancel some.")


async def create(
    user: Any, endpoint: str, parameters: Mapping[str, Any], content: str, size: int | None, run: UUID | None = None
) -> DatasetJob:
    """Make a job with an empty input, and put on the record who asks for what. With `run` it is running from now on.

    Raises TooManyJobs, audit's errors and OSError.
    """
    await database_sync_to_async(_admit, thread_sensitive=False)(user)
    status = Status.WAITING if run is None else Status.RUNNING
    job = DatasetJob(
        user=user, endpoint=endpoint, parameters=dict(parameters), content=content, size=size, run=run, status=status
    )
    await journal().append(
        [entry(job, user.get_username(), "started", endpoint=endpoint, parameters=job.parameters, size=size)]
    )
    await database_sync_to_async(_create, thread_sensitive=False)(job)
    return job


def _create(job: DatasetJob) -> None:
    # In this order: what has no row is deleted from the disk.
    job.save(force_insert=True)
    folder(job).create()


async def find(user: Any, identifier: UUID) -> DatasetJob:
    """Return that job of the user. Raises UnknownJob, and Gone when its input is not kept any more."""
    rows = DatasetJob.objects.filter(pk=identifier, user=user)
    job = await database_sync_to_async(rows.first, thread_sensitive=False)()
    if job is None:
        raise UnknownJob("There is no such job of yours.")
    if not folder(job).path.exists():
        raise Gone("The input of this job is not kept any more: send it again.")
    return job


async def find_again(job: DatasetJob) -> DatasetJob:
    """Return the job as it is in the database now."""
    found = await database_sync_to_async(DatasetJob.objects.filter(pk=job.pk).first, thread_sensitive=False)()
    return found or job


async def received(job: DatasetJob, actor: str) -> None:
    """Say that the whole input is there: its hash and size go on the record, then it counts as complete.

    Raises Unfinished for less than the job was said to have: what has come is kept.
    """
    files = folder(job)
    await database_sync_to_async(_digest, thread_sensitive=False)(job, files)
    await journal().append([entry(job, actor, "received", sha256=job.digest, size=job.size)])
    await database_sync_to_async(files.finish, thread_sensitive=False)()


def _digest(job: DatasetJob, files: Folder) -> None:
    there, _ = files.look()
    if job.size is not None and there < job.size:
        DatasetJob.objects.filter(pk=job.pk).update(received=there, updated=timezone.now())
        words = f"{there} of {job.size} bytes have come: send the {job.size - there} that are missing."
        raise Unfinished(words, received=there)
    job.digest = files.digest().hexdigest()
    job.size = job.received = there
    DatasetJob.objects.filter(pk=job.pk).update(
        digest=job.digest, size=job.size, received=job.received, updated=timezone.now()
    )


async def ended(job: DatasetJob, actor: str, status: str, **details: Any) -> None:
    """Put the end of a job on the record and into its row."""
    await journal().append([entry(job, actor, status, **details)])
    error = str(details.get("message", ""))[:200]
    await update(job.pk, None, status=status, error=error)


async def update(identifier: UUID, mine: UUID | None, **values: Any) -> bool:
    """Change a job's row; with `mine` only while that connection is the one that works on it. Return whether it is."""
    return await database_sync_to_async(_update, thread_sensitive=False)(identifier, mine, values)


def _update(identifier: UUID, mine: UUID | None, values: dict[str, Any]) -> bool:
    rows = DatasetJob.objects.filter(pk=identifier)
    if mine is not None:
        rows = rows.filter(run=mine)
    return bool(rows.update(updated=timezone.now(), **values))


async def add_work(identifier: UUID, mine: UUID, *, sent: int, compute_ms: int, **values: Any) -> bool:
    """The same as `update`, adding to what was sent and computed before."""
    return await update(identifier, mine, sent=F("sent") + sent, compute_ms=F("compute_ms") + compute_ms, **values)


def cancel(job: DatasetJob, actor: str) -> bool:
    """Cancel a job that is not over, wherever it runs; return whether it was open. For threads, not for an event loop."""
    rows = DatasetJob.objects.filter(pk=job.pk, status__in=DatasetJob.OPEN)
    if not rows.exists():
        return False
    journal().submit([entry(job, actor, "cancelled", by=actor)]).result(30)
    changed = rows.update(status=Status.CANCELLED, run=None, updated=timezone.now())
    from streaming.jobs.active import runs

    runs.stop_from_thread(job.pk)
    folder(job).remove()
    return bool(changed)


def forget(*, user: Any, streams: Sequence[UUID], **_details: Any) -> None:
    """Delete the inputs and rows of a subject that was erased, or of jobs whose content was (see `audit.signals`)."""
    from streaming.jobs.active import runs

    for job in DatasetJob.objects.filter(Q(pk__in=streams) | Q(user=user) if user else Q(pk__in=streams)):
        runs.stop_from_thread(job.pk)
        folder(job).remove()
        job.delete()


def expire() -> int:
    """Delete the inputs that nobody has asked for since STREAMING_DATASET_KEEP seconds; return how many.

    A job that was open then has failed.
    """
    oldest = timezone.now() - timedelta(seconds=settings.STREAMING_DATASET_KEEP)
    DatasetJob.objects.filter(updated__lt=oldest, status__in=DatasetJob.OPEN).update(
        status=Status.FAILED, error="nobody came back for it"
    )
    DatasetJob.objects.filter(updated__lt=timezone.now() - timedelta(days=LISTED_DAYS)).delete()
    count = 0
    for job, files in spool.folders(root()):
        if not DatasetJob.objects.filter(pk=job, updated__gte=oldest).exists():
            files.remove()
            count += 1
    return count
