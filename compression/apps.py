"""Django's registration of the app `compression`."""

from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class CompressionConfig(AppConfig):
    name = "compression"
    path = str(Path(__file__).parent)
    verbose_name = _("Compression")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        post_migrate.connect(install_default_library, sender=self)


def install_default_library(using: str, apps: Any = None, **_kwargs: Any) -> None:
    """After each `migrate` and `flush`: store the default library of this version, if it is not there yet."""
    from django.db import DEFAULT_DB_ALIAS

    from compression import services

    # `apps` is what the migrations have made: without the model when the app was just migrated away.
    migrated_away = apps is not None and "library" not in apps.all_models["compression"]
    if using == DEFAULT_DB_ALIAS and not migrated_away:
        services.install_default_library()
