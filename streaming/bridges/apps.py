"""Django's registration of the app `bridges`."""

from pathlib import Path

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BridgesConfig(AppConfig):
    name = "streaming.bridges"
    label = "bridges"
    path = str(Path(__file__).parent)
    verbose_name = _("Bridges")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from audit.signals import erased
        from streaming.bridges import checks  # noqa: F401 - registers itself
        from streaming.bridges.outbox import forget

        erased.connect(forget, dispatch_uid="streaming.bridges.forget")
