"""The ledger in the admin: entries, the log of accesses among them, and signed heads."""

import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _

from audit import selectors
from audit.admin.base import LookedAt, ReadOnlyAdmin, conversation_link, plain
from audit.admin.wording import told_act, told_details, told_purpose
from audit.models import Checkpoint, Conversation, Entry
from audit.records.event import NOWHERE, SYSTEM, Kind, content_bytes
from audit.summaries import moment

# Links to conversations of one export that a list shows.
_SHOWN = 5
_SYSTEM = frozenset(kind.value for kind in SYSTEM)


@admin.register(Entry)
class EntryAdmin(LookedAt):
    """The ledger as it is stored. What an entry says is opened on its own page, and that is logged."""

    list_display = ("plain_seq", "when", "kind", "subject", "what", "about")
    list_filter = ("kind",)
    ordering = ("-seq",)
    search_fields = ("=seq", "=subject__name")
    search_help_text = _("Number of an entry, or name of a user")
    list_select_related = ("content", "subject")
    show_full_result_count = False
    fields = (
        "plain_seq", "kind", "when", "subject", "where", "stream", "plain_epoch", "plain_offset", "body", "details",
        "content_hash_hex", "previous_hash_hex", "hash_hex",
    )  # fmt: skip
    readonly_fields = fields
    plain_seq, plain_epoch, plain_offset = (plain(Entry, name) for name in ("seq", "epoch", "offset"))

    class Media:
        css = {"all": ["aura/admin/conversation.css"]}

    def logged(self, found: Entry) -> dict[str, Any]:
        return {"conversation": found.conversation_id, "entry": found.seq}

    def shown(self, request: HttpRequest, found: Entry) -> dict[str, Any]:
        return {}

    @admin.display(description=_("time"), ordering="at")
    def when(self, obj: Entry) -> str:
        return _moment(datetime.fromtimestamp(obj.at / 1_000_000, UTC))

    @admin.display(description=_("what"))
    def what(self, obj: Entry) -> str:
        """What an entry of the record itself says; what users said is not shown in a list."""
        event = selectors.event_of(obj) if obj.kind in _SYSTEM else None
        if event is None:
            return ""
        why = event.meta.get("why", "")
        return f"{told_act(event.text)} ({told_purpose(str(why))})" if why else told_act(event.text)

    @admin.display(description=_("conversation"))
    def where(self, obj: Entry) -> str:
        found = Conversation.objects.select_related("subject").filter(pk=obj.conversation_id).first()
        # The page is for who may read what was said.
        return conversation_link(found, reads=True) if found is not None else ""

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
        said = told_act(event.text) if obj.kind in _SYSTEM else event.text
        return format_html('<div class="record-text" dir="auto">{}</div>', said) if said else "-"

    @admin.display(description=_("details"))
    def details(self, obj: Entry) -> str:
        """The details with their names in the language of the reader, and the bytes that are hashed for who checks them."""
        event = selectors.event_of(obj)
        if event is None:
            return ""
        stored = content_bytes(event.text, event.meta).decode()
        rows = format_html_join("", '<dt>{}</dt><dd dir="auto">{}</dd>', told_details(event.meta))
        return format_html(
            '<dl class="record-details">{}</dl>'
            '<details><summary>{}</summary><pre class="record-note" dir="ltr">{}</pre></details>',
            rows,
            _("As it is stored"),
            stored,
        )

    @admin.display(description=_("hash"))
    def hash_hex(self, obj: Entry) -> str:
        return bytes(obj.hash).hex()

    @admin.display(description=_("hash before"))
    def previous_hash_hex(self, obj: Entry) -> str:
        return bytes(obj.previous).hex()

    @admin.display(description=_("hash of the content"))
    def content_hash_hex(self, obj: Entry) -> str:
        return bytes(obj.content_hash).hex()


def _moment(at: datetime) -> str:
    """Return a time that is read from the left in every language."""
    return format_html('<bdi dir="ltr">{}</bdi>', f"{at:%Y-%m-%d %H:%M:%S} UTC")


def _link(model: str, identifier: UUID) -> str:
    address = reverse(f"admin:audit_{model}_change", args=[identifier])
    return format_html('<a href="{}">{}</a>', address, str(identifier)[:8])


@admin.register(Checkpoint)
class CheckpointAdmin(ReadOnlyAdmin):
    """Signed heads."""

    list_display = ("plain_size", "when")
    fields = ("plain_size", "when", "note")
    # Compared with the numbers of entries.
    plain_size = plain(Checkpoint, "size")

    @admin.display(description=_("time"))
    def when(self, obj: Checkpoint) -> str:
        signed = re.search(r"^time=(\d{1,17})$", obj.note, re.MULTILINE)
        return _moment(moment(int(signed[1]))) if signed else ""
