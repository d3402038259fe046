"""The admin as one product: named and ordered by what people come for, and not upset by an address that somebody made up."""

import logging
from functools import wraps
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.core.exceptions import BadRequest, PermissionDenied
from django.db import DataError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext_lazy as _

log = logging.getLogger(__name__)

# What is looked at daily stands first; what others bring (sign-in attempts, second factors) last.
ORDER = ("audit", "routing_ai", "compression", "streaming", "bridges", "auth")


class Choices(AutocompleteJsonView):
    """What a field may be, as one types; Django's fails for the name of a relation that is another model's field."""

    def process_request(self, request: HttpRequest) -> Any:
        found = super().process_request(request)
        if not found[2].concrete:
            raise PermissionDenied
        return found

    def get_queryset(self) -> QuerySet[Any]:
        """Return what fits, in an order, without which a second page may repeat what stood on the first."""
        found: QuerySet[Any] = super().get_queryset()
        return found if found.ordered else found.order_by("pk")


class Administration(AdminSite):
    """Django's admin in AURA's order."""

    site_title = "AURA"
    site_header = "AURA"
    index_title = _("Administration")

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        # Has models, and Django asks this module for the admin's configuration before there are any.
        from aura_site import second_factor

        return {**super().each_context(request), "second_factor_given": second_factor.given(request)}

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        found: list[Any] = super().get_app_list(request, app_label)
        places = {name: place for place, name in enumerate(ORDER)}
        return sorted(found, key=lambda app: places.get(app["app_label"], len(ORDER)))

    def autocomplete_view(self, request: HttpRequest) -> Any:
        return Choices.as_view(admin_site=self)(request)

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Return Django's view of a page, with 400 for what no database can look for: a number that is longer than it holds,
        a NUL byte, words where bytes are kept. Django's lists turn back only what is no number or date at all."""
        inner = super().admin_view(view, cacheable)

        @wraps(inner)
        def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            try:
                response: HttpResponseBase = inner(request, *args, **kwargs)
            except (OverflowError, DataError, TypeError, ValueError) as error:
                if not _blamed(request, error):
                    raise
                log.warning("%s of the admin was asked for what cannot be looked for", request.path, exc_info=True)
                raise BadRequest("No database can look for this.") from error
            return response

        return answered


def _blamed(request: HttpRequest, error: Exception) -> bool:
    """Return whether an error may come of what the browser sent. Without anything sent it is a fault of the page; so is a
    wrong type in what it does, and a wrong value unless rows were chosen by what is no number."""
    if isinstance(error, TypeError):
        return bool(request.GET)
    if isinstance(error, ValueError):
        return not all(chosen.isdecimal() for chosen in request.POST.getlist("_selected_action"))
    return bool(request.GET or request.POST)


class AdministrationConfig(AdminConfig):
    """Registers the admin under its usual name, with this site in place of the stock one."""

    default_site = "aura_site.administration.Administration"
