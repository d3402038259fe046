"""The admin as one product: named and ordered by what people come for."""

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

# What is looked at daily stands first; what others bring (sign-in attempts, second factors) last.
ORDER = ("audit", "routing_ai", "compression", "streaming", "bridges", "auth")


class Administration(AdminSite):
    """Django's admin in AURA's order."""

    site_title = "AURA"
    site_header = "AURA"
    index_title = _("Administration")

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        found: list[Any] = super().get_app_list(request, app_label)
        places = {name: place for place, name in enumerate(ORDER)}
        return sorted(found, key=lambda app: places.get(app["app_label"], len(ORDER)))


class AdministrationConfig(AdminConfig):
    """Registers the admin under its usual name, with this site in place of the stock one."""

    default_site = "aura_site.administration.Administration"
