"""Django's registration of the site itself: system checks and the Celery application."""

from pathlib import Path

from django.apps import AppConfig


class SiteConfig(AppConfig):
    name = "aura_site"
    path = str(Path(__file__).parent)
    verbose_name = "AURA"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # The import registers the checks; the Celery application must exist before any task is called.
        from aura_site import celery, checks, erasure  # noqa: F401
