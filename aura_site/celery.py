"""The Celery application. Start a worker with `celery -A aura_site.celery worker`."""

import os
from pathlib import Path
from typing import Any

from celery import Celery
from celery.signals import worker_init
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aura_site.settings")
app = Celery("aura")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["aura_site", "streaming", "compression", "audit", "routing_ai"])


@worker_init.connect
def make_broker_folders(**_kwargs: Any) -> None:
    """Make the folders of the filesystem broker, which Kombu expects to exist."""
    for folder in getattr(settings, "CELERY_BROKER_TRANSPORT_OPTIONS", {}).values():
        Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
