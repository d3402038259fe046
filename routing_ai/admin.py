"""Budgets, spend and API keys in the admin."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from routing_ai import selectors, services
from routing_ai.models import ApiKey, Budget, Spend


@admin.register(Budget)
class BudgetAdmin(admin.ModelAdmin):
    """Budgets by day; what is used today stands beside the limit."""

    list_display = ("__str__", "daily_limit", "time_zone", "used_today", "left_today")
    list_select_related = ("user",)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not Budget.objects.filter(user=None).exists():
            account = selectors.budgets_today()[0]
            words = _("Everybody together: $%(used)s of $%(limit)s used today (LLM_DAILY_BUDGET).")
            self.message_user(request, words % {"used": account["used"], "limit": account["limit"]}, messages.INFO)
        return super().changelist_view(request, extra_context)

    @admin.display(description=_("used today, US dollars"))
    def used_today(self, obj: Budget) -> str:
        return str(selectors.budgets_today(obj.user_id)[-1]["used"])

    @admin.display(description=_("left today, US dollars"))
    def left_today(self, obj: Budget) -> str:
        return str(selectors.budgets_today(obj.user_id)[-1]["left"])


@admin.register(Spend)
class SpendAdmin(admin.ModelAdmin):
    """The ledger, read-only."""

    list_display = (
        "created",
        "user",
        "tier",
        "model",
        "state",
        "amount",
        "prompt_tokens",
        "completion_tokens",
        "reason",
    )
    list_filter = ("state", "tier", "model", "created")
    search_fields = ("user__username", "model")
    list_select_related = ("user",)
    date_hierarchy = "created"

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
    fields = ("user", "name")
    actions = ("revoke",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        key, secret = services.create_key(obj.user, obj.name)
        obj.pk = key.pk
        words = _("The key is %(secret)s. Copy it now: it is not shown again.") % {"secret": secret}
        self.message_user(request, words, messages.WARNING)

    @admin.action(description=_("Revoke the selected keys"))
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        for key in queryset.filter(revoked=None):
            services.revoke_key(key)
