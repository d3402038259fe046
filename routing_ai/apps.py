"""Django's registration of the app `routing_ai`."""

from pathlib import Path

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RoutingAiConfig(AppConfig):
    name = "routing_ai"
    path = str(Path(__file__).parent)
    verbose_name = _("Models, routing and budgets")
    default_auto_field = "django.db.models.BigAutoField"
