"""Django's registration of the app `audit`."""

from pathlib import Path

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AuditConfig(AppConfig):
    name = "audit"
    path = str(Path(__file__).parent)
    verbose_name = _("Record")
    default_auto_field = "django.db.models.BigAutoField"
