"""The admin as one product: named and ordered by what people come for, and not upset by an address that somebody made up."""

import logging
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.core.exceptions import BadRequest, PermissionDenied, ValidationError
from django.db import DataError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _
from django.views.i18n import JavaScriptCatalog

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


class Words(JavaScriptCatalog):
    """What the admin's scripts say, with our words where Django's translation has none."""

    def get_paths(self, packages: list[str]) -> list[Any]:
        found: list[Any] = super().get_paths(packages)
        return [*found, *settings.LOCALE_PATHS]


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

    def i18n_javascript(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return Words.as_view(packages=["django.contrib.admin"])(request)

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
                # A form that is shown again looks for what was sent, too.
                if request.method == "POST" and isinstance(response, TemplateResponse):
                    response.render()
            except (OverflowError, DataError, TypeError, ValueError, ValidationError) as error:
                if not _blamed(request, error, getattr(getattr(view, "__self__", None), "model", None)):
                    raise
                log.warning("%s of the admin was asked for what cannot be looked for", request.path, exc_info=True)
                raise BadRequest("No database can look for this.") from error
            return response

        return answered


def _blamed(request: HttpRequest, error: Exception, model: type[Model] | None) -> bool:
    """Return whether an error may come of what the browser sent to a page, which is of `model` if it is of any. Without
    anything sent it is a fault of the page; so is a wrong type in what it does, and a wrong value unless rows were chosen by
    what is no key of theirs."""
    if isinstance(error, TypeError):
        return bool(request.GET)
    chosen = request.POST.getlist("_selected_action")
    if isinstance(error, ValueError) or (isinstance(error, ValidationError) and chosen):
        return not all(_key(model, one) for one in chosen)
    return bool(request.GET or request.POST)


def _key(model: type[Model] | None, text: str) -> bool:
    """Return whether a text can be the key of a row: a number, or what the model has in its place."""
    if model is None:
        return text.isdecimal()
    try:
        model._meta.pk.to_python(text)
    except (ValidationError, ValueError):
        return False
    return "\0" not in text


class AdministrationConfig(AdminConfig):
    """Registers the admin under its usual name, with this site in place of the stock one."""

    default_site = "aura_site.administration.Administration"
