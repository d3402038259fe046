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
        from audit import charts, savings
        from aura_site import celery, checks, erasure, figures  # noqa: F401

        charts.set_costs(figures.costs)
        savings.set_fetched(figures.fetched)

        # What staff read above the tables of others, which have names for programmers.
        apps.get_app_config("otp_totp").verbose_name = _("Second factor: authenticator apps")
        apps.get_app_config("otp_static").verbose_name = _("Second factor: recovery codes")
        apps.get_app_config("axes").verbose_name = _("Sign-in attempts")
        for name, one, several in (
            ("otp_totp.TOTPDevice", _("authenticator app"), _("authenticator apps")),
            ("otp_static.StaticDevice", _("set of recovery codes"), _("sets of recovery codes")),
            ("otp_static.StaticToken", _("recovery code"), _("recovery codes")),
            ("axes.AccessAttemptExpiration", _("end of a block"), _("ends of blocks")),
            ("routing_ai.BudgetDay", _("day of a budget"), _("days of budgets")),
        ):
            called = apps.get_model(name)._meta
            # Migrations are made from what the model was defined with, so they do not see this.
            called.verbose_name, called.verbose_name_plural = one, several
        for name in ("otp_totp.TOTPDevice", "otp_static.StaticDevice", "otp_static.StaticToken"):
            for field in apps.get_model(name)._meta.fields:
                field.verbose_name = _(str(field.verbose_name))
