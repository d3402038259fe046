"""Dataset jobs in the admin: how far they are, and a way to stop them."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from audit.admin import ReadOnlyAdmin
from streaming.jobs import services
from streaming.models import DatasetJob


@admin.register(DatasetJob)
class DatasetJobAdmin(ReadOnlyAdmin):
    """A list of jobs with their progress."""

    list_display = ("id", "user", "endpoint", "status", "progress", "size", "compute_ms", "created", "updated")
    list_filter = ("status", "endpoint", ("user", admin.RelatedOnlyFieldListFilter))
    search_fields = ("id", "digest", "user__username")
    list_select_related = ("user",)
    date_hierarchy = "created"
    actions = ("cancel",)

    @admin.display(description=_("progress"))
    def progress(self, obj: DatasetJob) -> str:
        whole = obj.size or obj.received
        share = min(1.0, obj.position / whole) if whole else 0.0
        return format_html('<progress value="{}" max="100"></progress> {} %', round(100 * share), round(100 * share))

    @admin.action(description=_("Cancel the chosen jobs"), permissions=["cancel"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[DatasetJob]) -> None:
        count = sum(services.cancel(job, request.user.get_username()) for job in queryset)
        text = _("Jobs cancelled: {count}.").format(count=count)
        self.message_user(request, text, messages.SUCCESS if count else messages.WARNING)

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may change jobs, although the pages only show them."""
        user: Any = request.user
        return bool(user.has_perm("streaming.change_datasetjob"))
