"""Filters of the list of conversations, over the summaries of their turns."""

from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from audit.models import Flag, Review, Rule, Summary


class _TurnFilter(admin.SimpleListFilter):
    """Keeps conversations that have a turn of some kind."""

    lookup = ""
    table: Any = Summary

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if not value:
            return queryset
        return queryset.filter(Exists(self.table.objects.filter(conversation=OuterRef("pk"), **{self.lookup: value})))


class ModelFilter(_TurnFilter):
    title, parameter_name, lookup = _("model"), "model", "model"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        names = Summary.objects.exclude(model="").order_by("model").values_list("model", flat=True).distinct()
        return [(name, name) for name in names[:50]]


class MethodFilter(_TurnFilter):
    title, parameter_name, lookup = _("method"), "method", "methods__contains"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        found = Summary.objects.order_by().values_list("methods", flat=True).distinct()[:200]
        return [(name, name) for name in sorted({name for methods in found for name in methods.split()})]


class CostFilter(_TurnFilter):
    title, parameter_name, lookup = _("cost of an answer"), "cost", "cost_nano__gte"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(int(dollars * 10**9)), f"≥ ${dollars:g}") for dollars in (0.0001, 0.001, 0.01, 0.1, 1)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return super().queryset(request, queryset) if str(self.value() or "").isdigit() else queryset


class FlagFilter(_TurnFilter):
    title, parameter_name, lookup, table = _("flag"), "flag", "category", Flag

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(Rule.CATEGORIES)


class StatusFilter(admin.SimpleListFilter):
    title, parameter_name = _("review"), "review"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [*Review.STATUSES, ("mine", _("mine")), ("none", _("none"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if not value:
            return queryset
        if value == "none":
            return queryset.filter(review=None)
        if value == "mine":
            return queryset.filter(review__assignee=request.user)
        return queryset.filter(review__status=value)
