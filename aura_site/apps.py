"""Django's registration of the site itself: system checks and the Celery application."""

from pathlib import Path

from django.apps import AppConfig, apps
from django.utils.translation import gettext_lazy as _


class SiteConfig(AppConfig):
    name = "aura_site"
    path = str(Path(__file__).parent)
    verbose_name = "AURA"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # The import registers the checks; the Celery application must exist before any task is called.
        from audit import charts
        from aura_site import celery, checks, erasure, figures  # noqa: F401

        charts.set_costs(figures.costs)

        # What staff read above the tables of others, which have names for programmers.
        apps.get_app_config("otp_totp").verbose_name = _("Second factor: authenticator apps")
        apps.get_app_config("otp_static").verbose_name = _("Second factor: recovery codes")
        for name, one, several in (
            ("otp_totp.TOTPDevice", _("authenticator app"), _("authenticator apps")),
            ("otp_static.StaticDevice", _("set of recovery codes"), _("sets of recovery codes")),
        ):
            called = apps.get_model(name)._meta
            # Migrations are made from what the model was defined with, so they do not see this.
            called.verbose_name, called.verbose_name_plural = one, several
