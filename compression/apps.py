"""Django's registration of the app `compression`."""

from pathlib import Path

from django.apps import AppConfig


class CompressionConfig(AppConfig):
    name = "compression"
    path = str(Path(__file__).parent)
    verbose_name = "Compression"
    default_auto_field = "django.db.models.BigAutoField"
