"""Django's registration of the app `streaming`."""

from pathlib import Path

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class StreamingConfig(AppConfig):
    name = "streaming"
    path = str(Path(__file__).parent)
    verbose_name = _("Streaming")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from audit.signals import erased
        from streaming.jobs import services as jobs
        from streaming.registry import registry
        from streaming.replay import store

        erased.connect(jobs.forget, dispatch_uid="streaming.jobs.forget")
        erased.connect(store.forget, dispatch_uid="streaming.replay.forget")
        erased.connect(registry.ended.forget, dispatch_uid="streaming.ended.forget")
