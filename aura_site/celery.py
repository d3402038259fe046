"""The Celery application. Start a worker with `celery -A aura_site.celery worker`."""

import os
from pathlib import Path
from typing import Any

from celery import Celery
from celery.signals import worker_init, worker_ready
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aura_site.settings")
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
