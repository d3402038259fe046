"""Rules, flags and saved filters in the admin."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from audit.admin.base import ReadOnlyAdmin, TrackedAdmin, conversation_link
from audit.models import Flag, Rule, SavedFilter


@admin.register(Rule)
class RuleAdmin(TrackedAdmin):
    """Rules beside the built-in ones; a rule of the name of a built-in one stands in its place."""

    list_display = ("name", "category", "value", "enabled")
    list_filter = ("category", "enabled")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        field = Rule._meta.get_field("value")
        score = _("Prompt injection: the score from 0 to 1 from which a prompt is flagged; 0.9 when it is empty.")
        kwargs["help_texts"] = {"value": format_lazy("{} {}", field.help_text, score)}
        return super().get_form(request, obj, change, **kwargs)


@admin.register(Flag)
class FlagAdmin(ReadOnlyAdmin):
    """What the rules found."""

    list_display = ("at", "what", "about")
    list_filter = ("category", "side", "at")
    list_select_related = ("conversation__subject",)

    def get_list_display(self, request: HttpRequest) -> Any:
        shown = super().get_list_display(request)
        return shown if request.user.has_perm("audit.read_record") else [*shown[:-1], "about_unread"]

    @admin.display(description=_("what"), ordering="rule")
    def what(self, obj: Flag) -> str:
        return obj.told

    @admin.display(description=_("conversation"))
    def about(self, obj: Flag) -> str:
        return conversation_link(obj.conversation, reads=True)

    @admin.display(description=_("conversation"))
    def about_unread(self, obj: Flag) -> str:
        return conversation_link(obj.conversation, reads=False)


@admin.register(SavedFilter)
class SavedFilterAdmin(TrackedAdmin):
    """Searches that reviewers keep; shared ones are everybody's to use, and their owner's to change."""

    list_display = ("name", "user", "query", "shared")
    fields = ("name", "query", "shared")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).filter(Q(user=request.user.pk) | Q(shared=True))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or obj.user_id == request.user.pk)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or obj.user_id == request.user.pk)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            obj.user_id = request.user.pk
        super().save_model(request, obj, form, change)
