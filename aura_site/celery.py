"""The Celery application. Start a worker with `celery -A aura_site.celery worker`."""

import logging
import os
import time
from pathlib import Path
from typing import Any

from celery import Celery
from celery.signals import task_postrun, task_prerun, worker_init, worker_ready
from django.conf import settings
from django.db import DatabaseError

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aura_site.settings")
log = logging.getLogger(__name__)
app = Celery("aura")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["aura_site", "streaming", "compression", "audit", "routing_ai"])


@worker_init.connect
def make_broker_folders(**_kwargs: Any) -> None:
    """Make the folders of the filesystem broker, which Kombu expects to exist."""
    for name, folder in getattr(settings, "CELERY_BROKER_TRANSPORT_OPTIONS", {}).items():
        if name != "polling_interval":
            Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)


@worker_ready.connect
def show_life(**_kwargs: Any) -> None:
    """Send the first heartbeat at once, through the broker like all others, so that a start is soon seen to be whole."""
    app.send_task("aura_site.tasks.heartbeat")


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
