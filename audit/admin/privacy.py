"""The rights of subjects in the admin: access, erasure with a receipt, retention with a dry run, legal hold."""

import json
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from audit import access, erasure, retention, tracking
from audit.admin.base import ReadOnlyAdmin, TrackedAdmin, conversation_link, must, told
from audit.admin.conversation import download
from audit.exports import bundle
from audit.models import Conversation, Entry, Hold, Receipt, RetentionPolicy, Subject


@admin.register(Subject)
class SubjectAdmin(ReadOnlyAdmin):
    """People whose words are on the record, and what they may ask for."""

    list_display = ("name_or_pseudonym", "user", "erased")
    search_fields = ("name", "id")
    list_select_related = ("user",)
    change_form_template = "admin/audit/subject/change_form.html"

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        return [
            path("<uuid:identifier>/access/", view(self.access_view), name="audit_subject_access"),
            path("<uuid:identifier>/erase/", view(self.erase_view), name="audit_subject_erase"),
            *super().get_urls(),
        ]

    @admin.display(description=_("name"), ordering="name")
    def name_or_pseudonym(self, obj: Subject) -> str:
        return str(obj)

    @told
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if request.method == "GET" and self.has_view_permission(request):
            # Not what was searched for: it is a name.
            access.log_access(request.user.get_username(), "listed", "subjects")
        return super().changelist_view(request, extra_context)

    @told
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        found = self.get_object(request, object_id) if self.has_view_permission(request) else None
        context: dict[str, Any] = {}
        if found is not None:
            access.log_access(request.user.get_username(), "viewed", "subject", subject=found.pk.hex)
            own = Conversation.objects.filter(subject=found)
            context = {
                "counts": {"conversations": own.count(), "entries": Entry.objects.filter(subject=found).count()},
                "holds": erasure.active_holds().filter(subject=found).count() + erasure.held(own).count(),
                "receipts": Receipt.objects.filter(subject=found),
                "may_export": request.user.has_perm("audit.export_record"),
                "may_erase": request.user.has_perm("audit.erase_record"),
            }
        return super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})

    @told
    def access_view(self, request: HttpRequest, identifier: UUID) -> HttpResponse:
        """Return everything about a subject: to be read (PDF) and to be processed (JSON Lines), with proofs."""
        must(request, "export_record")
        if request.method != "POST":
            raise Http404
        subject = get_object_or_404(Subject, pk=identifier)
        access.log_access(request.user.get_username(), "exported", "subject access request", subject=subject.pk.hex)
        return download(subject_export(subject), f"subject-{subject.pk}.zip")

    @told
    def erase_view(self, request: HttpRequest, identifier: UUID) -> HttpResponse:
        """Erase a subject, once the officer has typed the name."""
        must(request, "erase_record")
        subject = get_object_or_404(Subject, pk=identifier)
        back = reverse("admin:audit_subject_change", args=[identifier])
        if request.method != "POST":
            raise Http404
        if request.POST.get("confirm", "").strip() != (subject.name or str(subject.pk)):
            messages.error(request, _t("Nothing was erased: type the name exactly as it stands above."))
            return HttpResponseRedirect(back)
        reason = request.POST.get("reason", "").strip()[:200] or "request of the subject"
        keep = bool(request.POST.get("keep_account"))
        receipt = erasure.erase_subject(subject, by=request.user.get_username(), reason=reason, keep_account=keep)
        messages.success(
            request, _t("%(count)d entries were erased. The receipt is below.") % {"count": receipt.entries}
        )
        return HttpResponseRedirect(back)


def subject_export(subject: Subject) -> bytes:
    """Return the bundle for a subject access request. Raises NotFound when nothing is left."""
    entries = bundle.spoken().filter(subject=subject)
    name = str(subject)
    records = list(entries.select_related("content", "subject").order_by("seq")[: bundle.LIMIT])
    readable = bundle.FORMATS["pdf"]([bundle.record_of(row) for row in records], name)
    return bundle.export(entries, "jsonl", name, {"records.pdf": readable, "account.json": _account(subject)})


def _account(subject: Subject) -> bytes:
    user = subject.user
    told: dict[str, Any] = {
        "name": subject.name,
        "pseudonym": str(subject.pk),
        "conversations": [
            {
                "id": str(one.pk),
                "title": one.title,
                "started": one.created.isoformat(),
                "last_question": one.updated.isoformat(),
                "notes": [
                    {"kind": note.kind, "at": note.at.isoformat(), "text": note.text} for note in one.notes.all()
                ],
            }
            for one in Conversation.objects.filter(subject=subject).prefetch_related("notes")
        ],
    }
    if user is not None:
        told["account"] = {
            "user": user.get_username(),
            "first_name": user.first_name,
            "last_name": user.last_name,
            "email": user.email,
            "joined": user.date_joined.isoformat(),
            "last_sign_in": user.last_login.isoformat() if user.last_login else None,
        }
    return json.dumps(told, indent=1, ensure_ascii=False).encode()


class HoldForm(forms.ModelForm):
    """Says what a hold without anything to hold lacks; the database only knows that it does."""

    def validate_constraints(self) -> None:
        if self.instance.subject_id is None and self.instance.conversation_id is None:
            self.add_error(None, _t("A hold is placed on a subject or on a conversation: choose one."))
        else:
            super().validate_constraints()


@admin.register(Hold)
class HoldAdmin(TrackedAdmin):
    """Legal holds. They are released, never deleted."""

    form = HoldForm
    list_display = ("reason", "subject", "about", "placed", "placed_by", "released")
    list_filter = ("released",)
    list_select_related = ("subject", "conversation__subject", "placed_by")
    raw_id_fields = ("conversation",)
    autocomplete_fields = ("subject",)
    fields = ("subject", "conversation", "reason")
    actions = ("release",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=_("conversation"))
    def about(self, obj: Hold) -> str:
        """The conversation, without its title: who places holds may not read what was said."""
        return conversation_link(obj.conversation, reads=False) if obj.conversation is not None else ""

    def has_hold_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("audit.hold_record")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            obj.placed, obj.placed_by_id = timezone.now(), request.user.pk
        super().save_model(request, obj, form, change)

    @admin.action(description=_("Release the chosen holds"), permissions=["hold"])
    def release(self, request: HttpRequest, queryset: Any) -> None:
        rows = list(queryset.filter(released=None))
        for row in rows:
            row.released, row.released_by_id = timezone.now(), request.user.pk
        if rows:
            tracking.keep(*rows, text="legal holds were released", actor=request.user.get_username())


@admin.register(RetentionPolicy)
class RetentionPolicyAdmin(TrackedAdmin):
    """How long content is kept, and what would go now."""

    list_display = ("name", "days", "group", "enabled")
    change_list_template = "admin/audit/retentionpolicy/change_list.html"

    def get_urls(self) -> list[Any]:
        return [
            path("due/", self.admin_site.admin_view(self.due_view), name="audit_retention_due"),
            *super().get_urls(),
        ]

    @told
    def due_view(self, request: HttpRequest) -> HttpResponse:
        """Show what the policies would erase now (a dry run); a POST erases it."""
        must(request, "erase_record")
        if request.method == "POST":
            receipts = retention.apply(by=request.user.get_username())
            count = sum(receipt.conversations for receipt in receipts)
            messages.success(request, _t("The content of %(count)d conversations was erased.") % {"count": count})
            return HttpResponseRedirect(reverse("admin:audit_retention_due"))
        due = [(one.policy, len(one.conversations), one.held) for one in retention.due()]
        context = {**self.admin_site.each_context(request), "title": _("What retention would erase now"), "due": due}
        return TemplateResponse(request, "admin/audit/retentionpolicy/due.html", context)


@admin.register(Receipt)
class ReceiptAdmin(ReadOnlyAdmin):
    """Receipts of erasures."""

    list_display = ("number", "at", "by", "subject", "entries", "conversations")
    list_select_related = ("subject",)
    fields = ("number", "at", "by", "entries", "conversations", "note")

    @admin.display(description=_("number"))
    def number(self, obj: Receipt) -> str:
        return str(obj.pk)
