"""Django's registration of the app `streaming`."""

from pathlib import Path

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class StreamingConfig(AppConfig):
    name = "streaming"
    path = str(Path(__file__).parent)
    verbose_name = _("Streaming")
    default_auto_field = "django.db.models.BigAutoField"
