"""Bridges in the admin: routes to edit, what waits, and dead letters to look at and to try again."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from audit.admin import ReadOnlyAdmin, plain
from streaming.bridges.models import DeadLetter, Kept, Outgoing, Position, Route
from streaming.bridges.wording import in_words

# Bytes of a body that a list shows.
SHOWN = 200


@admin.register(Route)
class RouteAdmin(admin.ModelAdmin):
    """Routes; a change takes effect within about a second, without a restart."""

    list_display = ("name", "source", "target", "active", "state", "moved", "passed_over", "doubles", "seen", "trouble")
    list_filter = ("active", "state")
    search_fields = ("name", "source", "target")
    readonly_fields = ("state", "trouble", "moved", "passed_over", "doubles", "put_aside", "seen")
    raw_id_fields = ("user",)
    fieldsets = (
        (None, {"fields": ("name", "active", "source", "start", "target", "user")}),
        (_("What goes on"), {"fields": ("kind", "filter", "mapping")}),
        (_("How it goes"), {"fields": ("state", "trouble", "moved", "passed_over", "doubles", "put_aside", "seen")}),
    )

    @admin.display(description=_("error"), ordering="error")
    def trouble(self, obj: Route) -> str:
        return in_words(obj.error)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Return what a new route begins with: the topics are mostly those of who makes it."""
        return {"user": request.user.pk, **super().get_changeform_initial_data(request)}

    def save_model(self, request: HttpRequest, obj: Route, form: Any, change: bool) -> None:
        """Write what a person may change and nothing else: the route may be counting meanwhile."""
        if change:
            fields = ("name", "active", "source", "start", "target", "user", "kind", "filter", "mapping")
            obj.save(update_fields=fields)
        else:
            super().save_model(request, obj, form, change)


class KeptAdmin(ReadOnlyAdmin):
    """Messages."""

    search_fields: ClassVar[tuple[str, ...]] = ("stream",)
    exclude: ClassVar[tuple[str, ...]] = ("epoch", "offset", "body")
    readonly_fields: ClassVar[tuple[str, ...]] = ("plain_epoch", "plain_offset", "text")
    plain_epoch, plain_offset = plain(Kept, "epoch"), plain(Kept, "offset")
    date_hierarchy = "created"

    @admin.display(description=_("body"))
    def text(self, obj: Kept) -> str:
        body = bytes(obj.body)
        return body[:SHOWN].decode(errors="replace") + ("…" if len(body) > SHOWN else "")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the user may throw messages away."""
        return admin.ModelAdmin.has_delete_permission(self, request, obj)


@admin.register(Outgoing)
class OutgoingAdmin(KeptAdmin):
    """What waits for its broker, oldest first."""

    list_display = ("outbox", "stream", "plain_epoch", "plain_offset", "created", "text")
    list_filter = ("outbox",)
    ordering = ("id",)


@admin.register(DeadLetter)
class DeadLetterAdmin(KeptAdmin):
    """What could not be delivered."""

    list_display = ("reader", "stream", "plain_epoch", "plain_offset", "why", "created", "again", "text")
    list_filter = ("again", "reader")
    search_fields = ("stream", "reason")
    actions = ("try_again",)
    exclude = (*KeptAdmin.exclude, "reason")
    readonly_fields = ("why", *KeptAdmin.readonly_fields)

    @admin.display(description=_("reason"), ordering="reason")
    def why(self, obj: DeadLetter) -> str:
        return in_words(obj.reason)

    @admin.action(description=_("Try the chosen dead letters again"), permissions=["again"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> None:
        count = queryset.update(again=True)
        text = ngettext("{count} message is tried again.", "{count} messages are tried again.", count)
        self.message_user(request, text.format(count=count), messages.SUCCESS)

    def has_again_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may change dead letters, although the pages only show them."""
        user: Any = request.user
        return bool(user.has_perm("bridges.change_deadletter"))


@admin.register(Position)
class PositionAdmin(ReadOnlyAdmin):
    """How far readers are. Deleting a reader's positions makes it begin anew; what it knows it still leaves out."""

    list_display = ("reader", "partition", "position", "updated")
    search_fields = ("reader",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the user may have a reader begin anew."""
        return admin.ModelAdmin.has_delete_permission(self, request, obj)
