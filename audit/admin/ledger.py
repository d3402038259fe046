"""The ledger in the admin: entries, the log of accesses among them, and signed heads."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _

from audit import access, selectors
from audit.admin.base import ReadOnlyAdmin, ask_purpose, must, purpose, told
from audit.models import Checkpoint, Entry
from audit.records.event import NOWHERE, SYSTEM, Kind, content_bytes

# Links to conversations of one export that a list shows.
_SHOWN = 5


@admin.register(Entry)
class EntryAdmin(ReadOnlyAdmin):
    """The ledger as it is stored. What an entry says is opened on its own page, and that is logged."""

    list_display = ("seq", "when", "kind", "subject", "what", "about")
    list_filter = ("kind",)
    ordering = ("-seq",)
    search_fields = ("=seq", "=subject__name")
    search_help_text = _("Number of an entry, or name of a user")
    list_select_related = ("content", "subject")
    show_full_result_count = False
    fields = (
        "seq", "kind", "when", "subject", "conversation", "stream", "epoch", "offset", "body",
        "content_hash_hex", "previous_hash_hex", "hash_hex",
    )  # fmt: skip
    readonly_fields = fields

    class Media:
        css = {"all": ["aura/admin/conversation.css"]}

    @told
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        must(request, "read_record")
        if not purpose(request):
            return ask_purpose(request)
        found = self.get_object(request, object_id)
        if found is not None:
            access.log_access(
                request.user.get_username(),
                "viewed",
                purpose(request),
                conversation=found.conversation_id,
                entry=found.seq,
            )
        return super().change_view(request, object_id, form_url, extra_context)

    @admin.display(description=_("time"), ordering="at")
    def when(self, obj: Entry) -> str:
        return f"{datetime.fromtimestamp(obj.at / 1_000_000, UTC):%Y-%m-%d %H:%M:%S} UTC"

    @admin.display(description=_("what"))
    def what(self, obj: Entry) -> str:
        """What an entry of the record itself says; what users said is not shown in a list."""
        if obj.kind not in [kind.value for kind in SYSTEM]:
            return ""
        event = selectors.event_of(obj)
        if event is None:
            return ""
        why = event.meta.get("why", "")
        return f"{event.text} ({why})" if why else event.text

    @admin.display(description=_("about"))
    def about(self, obj: Entry) -> str:
        """The conversation that an entry is about, or what an access was about."""
        if obj.conversation_id != NOWHERE:
            return _link("conversation", obj.conversation_id)
        event = selectors.event_of(obj) if obj.kind == Kind.ACCESS else None
        several = event.meta.get("conversations") if event is not None else None
        if isinstance(several, list):
            return format_html_join(" ", "{}", ((_link("conversation", UUID(str(one))),) for one in several[:_SHOWN]))
        subject = event.meta.get("subject") if event is not None else None
        return _link("subject", UUID(str(subject))) if subject else ""

    @admin.display(description=_("content"))
    def body(self, obj: Entry) -> str:
        event = selectors.event_of(obj)
        if event is None:
            return str(_("erased"))
        return format_html('<bdi dir="auto">{}</bdi>', content_bytes(event.text, event.meta).decode())

    @admin.display(description=_("hash"))
    def hash_hex(self, obj: Entry) -> str:
        return bytes(obj.hash).hex()

    @admin.display(description=_("hash before"))
    def previous_hash_hex(self, obj: Entry) -> str:
        return bytes(obj.previous).hex()

    @admin.display(description=_("hash of the content"))
    def content_hash_hex(self, obj: Entry) -> str:
        return bytes(obj.content_hash).hex()


def _link(model: str, identifier: UUID) -> str:
    address = reverse(f"admin:audit_{model}_change", args=[identifier])
    return format_html('<a href="{}">{}</a>', address, str(identifier)[:8])


@admin.register(Checkpoint)
class CheckpointAdmin(ReadOnlyAdmin):
    """Signed heads."""

    list_display = ("size",)
    fields = ("size", "note")
