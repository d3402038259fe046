"""The Celery application. Start a worker with `celery -A aura_site.celery worker`."""

import fcntl
import json
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from celery import Celery
from celery.signals import task_postrun, task_prerun, worker_init, worker_ready, worker_shutting_down
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError

from aura_site.process_lock import RESTORING, WORKERS, AnotherServer, ProcessLock

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aura_site.settings")
log = logging.getLogger(__name__)
# Seconds between two looks at the scheduler.
SCHEDULER_LOOK = 2.0
_WATCHER = "scheduler-watch"
_ending = threading.Event()
try:
    settings.BASE_DIR  # noqa: B018
except ImproperlyConfigured as error:
    # A worker reads the settings here first: one sentence for a person, without a traceback before it.
    sys.exit(str(error))
_lock = ProcessLock(alone=False, name=WORKERS)
app = Celery("aura")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["aura_site", "streaming", "compression", "audit", "routing_ai"])


@worker_init.connect
def make_broker_folders(**_kwargs: Any) -> None:
    """Make the folders of the filesystem broker, which Kombu expects to exist."""
    for name, folder in getattr(settings, "CELERY_BROKER_TRANSPORT_OPTIONS", {}).items():
        if name != "polling_interval":
            Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
            _drop_broken(Path(folder))


def _drop_broken(folder: Path) -> None:
    """Delete what a full disk left half written: Kombu would end the worker over it, again at each start."""
    broken = [path for path in folder.iterdir() if not _is_whole(path)]
    if broken:
        # One that is being made is empty for a moment before it is locked.
        time.sleep(1.0)
    for path in broken:
        if not _is_whole(path):
            log.warning("%s is no whole message, and is dropped", path)
            path.unlink(missing_ok=True)


def _is_whole(path: Path) -> bool:
    """Return whether a file holds a message; one that another worker has taken meanwhile is none to be dropped."""
    try:
        with path.open("rb") as file:
            # Who still writes it holds the lock.
            fcntl.flock(file, fcntl.LOCK_SH)
            json.load(file)
    except FileNotFoundError:
        return True
    except ValueError:
        return False
    return True


@worker_init.connect
def hold_data(**_kwargs: Any) -> None:
    """Hold the data as long as this process lives. Ends it while a backup is put back."""
    try:
        _lock.take()
    except AnotherServer:
        sys.exit(RESTORING)


@worker_ready.connect
def show_life(**_kwargs: Any) -> None:
    """Send the first heartbeat at once, through the broker like all others, so that a start is soon seen to be whole."""
    app.send_task("aura_site.tasks.heartbeat")


@worker_ready.connect
def watch_scheduler(sender: Any, **_kwargs: Any) -> None:
    """End a worker whose scheduler has died: what looks after the worker then starts both again. Celery itself would go on
    without, and nothing that is due would ever be done."""
    scheduler = sender.controller.beat
    # A worker that lost its broker gets ready once more.
    if scheduler is not None and not any(thread.name == _WATCHER for thread in threading.enumerate()):
        threading.Thread(target=_watch, args=(scheduler,), name=_WATCHER, daemon=True).start()


@worker_shutting_down.connect
def note_the_end(**_kwargs: Any) -> None:
    """Note that the scheduler is going to be ended."""
    _ending.set()


def _watch(scheduler: Any) -> None:
    while not _ending.wait(SCHEDULER_LOOK):
        if not scheduler.is_alive():
            log.critical("the scheduler has died, so the worker ends: start it again")
            os.kill(os.getpid(), signal.SIGTERM)
            return


@task_prerun.connect
def begin_task(task: Any, **_kwargs: Any) -> None:
    """Note when a task begins."""
    task.request.begun = time.monotonic()


@task_postrun.connect
def end_task(task: Any, state: str | None = None, **_kwargs: Any) -> None:
    """Count a task that has ended, for the metrics. A count that cannot be written fails no task."""
    from aura_site import services

    begun = getattr(task.request, "begun", None)
    if begun is None or state not in ("SUCCESS", "FAILURE"):
        return
    try:
        services.count_task(task.name, time.monotonic() - begun, well=state == "SUCCESS")
    except DatabaseError as error:
        log.warning("a task of %s was not counted: %s", task.name, type(error).__name__)
