"""Django's registration of the app `audit`."""

from pathlib import Path

from django.apps import AppConfig
from django.conf import settings
from django.db.models.signals import post_migrate, post_save
from django.utils.translation import gettext_lazy as _


class AuditConfig(AppConfig):
    name = "audit"
    path = str(Path(__file__).parent)
    verbose_name = _("Record")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from audit import roles

        post_migrate.connect(roles.create, sender=self)
        post_save.connect(roles.follow_name, sender=settings.AUTH_USER_MODEL)
