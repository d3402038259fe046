"""The record in the admin: conversations that read like a chat, and the ledger behind them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from audit import selectors
from audit.models import Conversation, Entry
from audit.records.event import Kind
from audit.records.transcript import Turn


class ReadOnlyAdmin(admin.ModelAdmin):
    """Shows, and changes nothing."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Conversation)
class ConversationAdmin(ReadOnlyAdmin):
    """A list of conversations; each opens as a transcript."""

    list_display = ("name", "user", "created", "updated", "questions")
    list_filter = ("updated", ("user", admin.RelatedOnlyFieldListFilter))
    search_fields = ("title", "user__username", "id")
    list_select_related = ("user",)
    date_hierarchy = "created"
    change_form_template = "admin/audit/conversation/change_form.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        prompts = Count("entries", filter=Q(entries__kind=Kind.PROMPT.value))
        return super().get_queryset(request).annotate(prompt_count=prompts)

    @admin.display(description=_("title"), ordering="title")
    def name(self, obj: Conversation) -> str:
        return format_html('<bdi dir="auto">{}</bdi>', obj.title or str(obj.pk))

    @admin.display(description=_("questions"), ordering="prompt_count")
    def questions(self, obj: Any) -> int:
        return int(obj.prompt_count)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        found = self.get_object(request, object_id)
        turns = [described(turn) for turn in selectors.full_transcript(found.pk)] if found else []
        context = {"turns": turns, "totals": totals(turns), **(extra_context or {})}
        return super().change_view(request, object_id, form_url, context)


def described(turn: Turn) -> dict[str, Any]:
    """Return a turn as the page shows it."""
    return {
        "turn": turn,
        "at": datetime.fromtimestamp(turn.at / 1_000_000, UTC),
        "cost": turn.cost_nano / 1_000_000_000,
        **gain(turn.text_bytes, turn.wire_bytes),
        "methods": ", ".join(f"{name} {count}" for name, count in sorted(turn.methods.items())),
    }


def gain(text: int, wire: int) -> dict[str, int | None]:
    """Return the percents saved on the wire, and for what got larger the percents more."""
    saved = round(100 * (1 - wire / text)) if text else None
    return {"saved": saved, "more": -saved if saved is not None else None}


def totals(turns: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the sums over a conversation."""
    text = sum(item["turn"].text_bytes for item in turns)
    wire = sum(item["turn"].wire_bytes for item in turns)
    return {
        "cost": sum(item["cost"] for item in turns),
        "text_bytes": text,
        "wire_bytes": wire,
        **gain(text, wire),
    }


@admin.register(Entry)
class EntryAdmin(ReadOnlyAdmin):
    """The ledger as it is stored."""

    list_display = ("seq", "when", "kind", "actor", "offset", "text", "short_hash")
    list_filter = ("kind",)
    search_fields = ("actor", "stream", "content__body")
    list_select_related = ("content",)
    fields = (
        "seq", "kind", "when", "actor", "conversation", "stream", "epoch", "offset", "body",
        "content_hash_hex", "previous_hash_hex", "hash_hex",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description=_("time"), ordering="at")
    def when(self, obj: Entry) -> datetime:
        return datetime.fromtimestamp(obj.at / 1_000_000, UTC)

    @admin.display(description=_("text"))
    def text(self, obj: Entry) -> str:
        words = next(iter(selectors.events_of([obj]))).text
        return format_html('<bdi dir="auto">{}</bdi>', words if len(words) <= 80 else words[:79] + "…")

    @admin.display(description=_("content"))
    def body(self, obj: Entry) -> str:
        return str(obj.content.body) if hasattr(obj, "content") else "-"

    @admin.display(description=_("hash"))
    def short_hash(self, obj: Entry) -> str:
        return bytes(obj.hash).hex()[:12]

    @admin.display(description=_("hash"))
    def hash_hex(self, obj: Entry) -> str:
        return bytes(obj.hash).hex()

    @admin.display(description=_("hash before"))
    def previous_hash_hex(self, obj: Entry) -> str:
        return bytes(obj.previous).hex()

    @admin.display(description=_("hash of the content"))
    def content_hash_hex(self, obj: Entry) -> str:
        return bytes(obj.content_hash).hex()
