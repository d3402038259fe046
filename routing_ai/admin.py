"""Budgets, spend and API keys in the admin."""

from datetime import date, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.formats import localize
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy as _

from routing_ai import catalogue, charts, reports, selectors, services
from routing_ai.models import ApiKey, Budget, Spend, TierModel
from routing_ai.policy.prices import told
from routing_ai.wording import in_words


@admin.register(Budget)
class BudgetAdmin(admin.ModelAdmin):
    """Budgets by day; what is used today stands beside the limit."""

    list_display = ("__str__", "daily_limit", "time_zone", "used_today", "left_today")
    list_select_related = ("user", "team", "api_key")
    fields = ("user", "team", "api_key", "daily_limit", "time_zone")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not Budget.objects.filter(user=None, team=None, api_key=None).exists():
            account = selectors.budgets_today()[0]
            words = _("Everybody together: $%(used)s of $%(limit)s used today (LLM_DAILY_BUDGET).")
            self.message_user(
                request, words % {"used": told(account["used"]), "limit": told(account["limit"])}, messages.INFO
            )
        return super().changelist_view(request, extra_context)

    @admin.display(description=_("used today, US dollars"))
    def used_today(self, obj: Budget) -> str:
        return told(selectors.budget_today(obj)["used"])

    @admin.display(description=_("left today, US dollars"))
    def left_today(self, obj: Budget) -> str:
        return told(selectors.budget_today(obj)["left"])


GROUPS = {"day": _("day"), "user": _("user"), "tier": _("tier"), "model": _("model"), "key": _("API key")}
CHART_BARS, REPORT_DAYS, DAYS_LIMIT = 100, 30, 400
# Days outside are nobody's, and near the ends of the calendar no others can be counted from them.
EARLIEST, LATEST = date(2000, 1, 1), date(2999, 12, 31)


def _days(first: str, last: str) -> tuple[date, date]:
    """Return the days of a report: those that were asked for, else the last REPORT_DAYS."""
    default = reports.last_days(REPORT_DAYS)
    try:
        begin = date.fromisoformat(first) if first else default[0]
        end = date.fromisoformat(last) if last else default[1]
    except ValueError:
        return default
    begin, end = (min(max(day, EARLIEST), LATEST) for day in (begin, end))
    return max(begin, end - timedelta(days=DAYS_LIMIT)), end


class TierModelForm(forms.ModelForm):
    """Refuses a provider that cannot be asked. One that is gone does not keep its model from being switched off."""

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        name, there = self.cleaned_data.get("provider"), catalogue.names()
        if name and self.cleaned_data.get("active") and name not in there:
            words = _("%(name)s is no provider here. There are: %(there)s. The settings name others.")
            self.add_error("provider", words % {"name": name, "there": ", ".join(there)})
        return cleaned


@admin.register(TierModel)
class TierModelAdmin(admin.ModelAdmin):
    """Which models answer in which tier, in which order, at which price."""

    form = TierModelForm
    list_display = ("tier", "position", "provider", "model", "price_in", "price_out", "active")
    list_filter = ("tier", "provider", "active")
    ordering = ("tier", "position")


@admin.register(Spend)
class SpendAdmin(admin.ModelAdmin):
    """The ledger, read-only."""

    list_display = (
        "created",
        "user",
        "answered",
        "state",
        "cost",
        "tokens",
        "why",
    )
    list_filter = ("state", "tier", "model", "created")
    search_fields = ("user__username", "model")
    list_select_related = ("user",)
    date_hierarchy = "created"

    @admin.display(description=_("US dollars"), ordering="nano")
    def cost(self, obj: Spend) -> str:
        return told(obj.amount)

    @admin.display(description=_("model"), ordering="model")
    def answered(self, obj: Spend) -> str:
        """The model and its tier in one column, as the chat says them: a list has to fit its page."""
        return f"{obj.model} · {obj.tier}"

    @admin.display(description=_("tokens"), ordering="completion_tokens")
    def tokens(self, obj: Spend) -> str:
        """Those of the prompt and those of the answer, in one line."""
        return f"{localize(obj.prompt_tokens)}\u00a0+\u00a0{localize(obj.completion_tokens)}"

    @admin.display(description=_("why"))
    def why(self, obj: Spend) -> str:
        return in_words(obj.reason)

    def get_urls(self) -> list[URLPattern]:
        return [
            path("report/", self.admin_site.admin_view(self.report), name="routing_ai_spend_report"),
            *super().get_urls(),
        ]

    def report(self, request: HttpRequest) -> HttpResponse:
        """Show what was spent and saved, as a table with a chart, or as CSV."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        by = request.GET.get("by", "day")
        if by not in GROUPS:
            by = "day"
        first, last = _days(request.GET.get("first", ""), request.GET.get("last", ""))
        rows = reports.costs(by, first, last)
        if request.GET.get("format") == "csv":
            response = HttpResponse(reports.as_csv(by, rows), content_type="text/csv; charset=utf-8")
            response["Content-Disposition"] = f'attachment; filename="aura-costs-{by}-{first}-{last}.csv"'
            return response
        shown = rows[:CHART_BARS]
        words = (str(_("spent")), str(_("always the best")))
        names, spent, best = [row.name for row in shown], [row.spent for row in shown], [row.best for row in shown]
        # The year is that of the days above.
        labels = [name[5:] for name in names] if by == "day" else names
        context = {
            **self.admin_site.each_context(request),
            "title": _("Cost report"),
            "by": by,
            "by_words": GROUPS[by],
            "groups": GROUPS.items(),
            "first": first,
            "last": last,
            "rows": rows,
            "total": reports.total(rows),
            "chart": mark_safe(charts.bars(names, spent, best, words, labels)),
        }
        return TemplateResponse(request, "admin/routing_ai/spend/report.html", context)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(ApiKey)
class ApiKeyAdmin(admin.ModelAdmin):
    """Keys: made here (the secret is shown once), revoked by an action."""

    list_display = ("name", "user", "prefix", "created", "last_used", "revoked")
    list_select_related = ("user",)
    list_filter = ("revoked",)
    fields = ("user", "name", "scopes", "models_allowed", "requests_a_minute", "tokens_a_minute")
    actions = ("revoke",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        secret = services.save_new(obj)
        words = _("The key is %(secret)s. Copy it now: it is not shown again.") % {"secret": secret}
        self.message_user(request, words, messages.WARNING)

    @admin.action(description=_("Revoke the selected keys"))
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        keys = list(queryset.filter(revoked=None))
        for key in keys:
            services.revoke_key(key)
        self.message_user(request, _("Keys that were revoked: %(count)s") % {"count": len(keys)})
