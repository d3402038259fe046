"""Conversations in the admin: the list with its filters and search, the page of one, its review, its export."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from audit import access, charts, guard, reviews, savings, search, selectors
from audit.admin import filters
from audit.admin.base import PURPOSE, LookedAt, ask_purpose, must, purpose, told
from audit.admin.wording import PURPOSES, told_methods, told_purpose
from audit.errors import AuditError, NotFound
from audit.exports import bundle
from audit.models import Conversation, Flag, Note, Review, SavedFilter
from audit.records import branches
from audit.records.transcript import Turn
from audit.wording import in_words


class PurposeForm(forms.Form):
    """Why somebody looks."""

    why = forms.ChoiceField(label=_("Purpose"), choices=PURPOSES, widget=forms.RadioSelect)
    detail = forms.CharField(label=_("Reference or reason"), max_length=200, required=False)


@admin.register(Conversation)
class ConversationAdmin(LookedAt):
    """A list of conversations; each opens with questions and answers side by side."""

    list_display = ("name", "user", "status", "flagged", "updated", "questions")
    list_filter = (
        "updated",
        filters.StatusFilter,
        filters.FlagFilter,
        filters.ModelFilter,
        filters.MethodFilter,
        filters.CostFilter,
        ("user", admin.RelatedOnlyFieldListFilter),
    )
    search_fields = ("user__username",)
    search_help_text = _("Words that were said in one turn, the name of a user, or the number of a conversation")
    list_select_related = ("user", "review", "review__assignee")
    date_hierarchy = "created"
    actions = ("take", "clear", "escalate", "export_chosen")
    change_list_template = "admin/audit/conversation/change_list.html"
    change_form_template = "admin/audit/conversation/change_form.html"

    class Media:
        css = {"all": ["aura/admin/conversation.css"]}

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        return [
            path("purpose/", view(self.purpose_view), name="audit_purpose"),
            path("dashboard/", view(self.dashboard_view), name="audit_dashboard"),
            path("<uuid:identifier>/review/", view(self.review_view), name="audit_review"),
            path("<uuid:identifier>/export/", view(self.export_view), name="audit_export"),
            *super().get_urls(),
        ]

    # -- the list ----------------------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return (
            super().get_queryset(request).annotate(
                prompt_count=Count("summaries", distinct=True), flag_count=Count("flags", distinct=True)
            )
        )  # fmt: skip

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not search_term.strip() or not request.user.has_perm("audit.read_record"):
            return super().get_search_results(request, queryset, search_term)
        access.log_access(
            request.user.get_username(), "searched", purpose(request) or "list", words=len(search_term.split())
        )
        return search.matching(queryset, search_term), False

    @told
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if request.method == "GET" and request.user.has_perm("audit.read_record"):
            query = "" if "q" in request.GET else request.GET.urlencode()[:300]
            access.log_access(request.user.get_username(), "listed", purpose(request) or "list", query=query)
        kept = SavedFilter.objects.filter(Q(user=request.user.pk) | Q(shared=True))
        return super().changelist_view(request, {"saved_filters": kept, **(extra_context or {})})

    def get_list_display(self, request: HttpRequest) -> Any:
        shown = super().get_list_display(request)
        # A title is the beginning of a question.
        return shown if request.user.has_perm("audit.read_record") else ["id", *shown[1:]]

    @admin.display(description=_("title"))
    def name(self, obj: Conversation) -> str:
        return format_html('<bdi dir="auto">{}</bdi>', obj.title or str(obj.pk))

    @admin.display(description=_("questions"), ordering="prompt_count")
    def questions(self, obj: Any) -> int:
        return int(obj.prompt_count)

    @admin.display(description=_("flags"), ordering="flag_count")
    def flagged(self, obj: Any) -> str:
        return str(obj.flag_count or "")

    @admin.display(description=_("review"), ordering="review__status")
    def status(self, obj: Any) -> str:
        review = getattr(obj, "review", None)
        if review is None:
            return ""
        who = f" · {review.assignee}" if review.assignee else ""
        return f"{review.get_status_display()}{who}"

    # -- actions on several ------------------------------------------------------------------------------------

    @admin.action(description=_("Take the review of the chosen conversations"), permissions=["review"])
    def take(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        self._each(request, queryset, lambda one: reviews.assign(one.pk, request.user, request.user))

    @admin.action(
        description=_("Clear the chosen conversations, or confirm that they are clear"), permissions=["review"]
    )
    def clear(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        self._each(request, queryset, lambda one: reviews.clear(one.pk, request.user))

    @admin.action(description=_("Escalate the chosen conversations"), permissions=["review"])
    def escalate(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        self._each(request, queryset, lambda one: reviews.escalate(one.pk, request.user))

    @admin.action(description=_("Export the chosen conversations (JSON Lines)"), permissions=["export"])
    def export_chosen(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        try:
            return self._export(request, [one.pk for one in queryset], "jsonl")
        except AuditError as error:
            messages.error(request, in_words(str(error)))
            return None

    def has_review_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("audit.review_record")

    def has_export_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("audit.export_record")

    def _each(self, request: HttpRequest, queryset: QuerySet[Any], act: Any) -> None:
        done = 0
        for one in queryset:
            try:
                act(one)
                done += 1
            except AuditError as error:
                messages.error(request, f"{one.pk}: {in_words(str(error))}")
        if done:
            messages.success(request, _t("%(count)d conversations were changed.") % {"count": done})

    # -- one conversation --------------------------------------------------------------------------------------

    def logged(self, found: Conversation) -> dict[str, Any]:
        return {"conversation": found.pk}

    def shown(self, request: HttpRequest, found: Conversation) -> dict[str, Any]:
        return {
            **_page(found),
            "title": found.title or str(found.pk),
            "subtitle": found.subject,
            "purpose": told_purpose(purpose(request)),
            "may_review": self.has_review_permission(request) and found.user_id != request.user.pk,
            "may_export": self.has_export_permission(request),
            "forms": list(bundle.FORMATS),
        }

    @told
    def review_view(self, request: HttpRequest, identifier: UUID) -> HttpResponse:
        """Change the review of a conversation, or add a note."""
        must(request, "review_record")
        act = request.POST.get("act", "")
        if act == "take":
            reviews.assign(identifier, request.user, request.user)
        elif act == "assign":
            reviews.assign(identifier, request.user, _assignee(request.POST.get("assignee", "")))
        elif act == "note":
            kind = Note.RECTIFICATION if request.POST.get("kind") == Note.RECTIFICATION else Note.REVIEW
            reviews.add_note(identifier, request.user, request.POST.get("text", ""), kind)
        elif act in ("clear", "escalate", "reopen"):
            {"clear": reviews.clear, "escalate": reviews.escalate, "reopen": reviews.reopen}[act](
                identifier, request.user
            )
        else:
            raise Http404
        return HttpResponseRedirect(reverse("admin:audit_conversation_change", args=[identifier]))

    @told
    def export_view(self, request: HttpRequest, identifier: UUID) -> HttpResponse:
        """Return the bundle of one conversation."""
        must(request, "export_record")
        form = request.POST.get("form", "")
        if form not in bundle.FORMATS:
            raise Http404
        return self._export(request, [identifier], form)

    def _export(self, request: HttpRequest, identifiers: list[UUID], form: str) -> HttpResponse:
        if not purpose(request):
            # What was asked for is not kept: from the page it is asked again.
            page = reverse("admin:audit_conversation_change", args=[identifiers[0]])
            return ask_purpose(
                request, page if len(identifiers) == 1 else reverse("admin:audit_conversation_changelist")
            )
        access.log_access(
            request.user.get_username(), "exported", purpose(request), form=form, conversations=identifiers
        )
        data = bundle.export(bundle.spoken().filter(conversation__in=identifiers), form, "AURA")
        return download(data, f"conversation-{identifiers[0]}.{form}.zip")

    # -- why, and how much -------------------------------------------------------------------------------------

    def purpose_view(self, request: HttpRequest) -> HttpResponse:
        """Ask why the record is looked at; the answer holds for the session and stands in every entry of the log."""
        target = request.GET.get("next") or request.POST.get("next") or ""
        if not url_has_allowed_host_and_scheme(target, {request.get_host()}, request.is_secure()):
            target = reverse("admin:audit_conversation_changelist")
        form = PurposeForm(request.POST or None, initial={"why": PURPOSES[0][0]})
        if request.method == "POST" and form.is_valid():
            detail = form.cleaned_data["detail"].strip()
            request.session[PURPOSE] = form.cleaned_data["why"] + (f": {detail}" if detail else "")
            return HttpResponseRedirect(target)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Why do you look?"),
            "form": form,
            "next": target,
        }
        return TemplateResponse(request, "admin/audit/purpose.html", context)

    def dashboard_view(self, request: HttpRequest) -> HttpResponse:
        """Show figures and charts."""
        must(request, "view_summary", "view_conversation")
        asked = request.GET.get("by", "")
        group = asked if asked in savings.GROUPS else "day"
        labels = {"day": _("Day"), "model": _("Model"), "user": _("User")}
        context = {
            **self.admin_site.each_context(request),
            "title": _("The record in figures"),
            **charts.figures(),
            "rows": [{"row": row, **gain(row.text, row.wire + row.fetched)} for row in savings.by(group)],
            "by_day": group == "day",
            "groups": [(name, label, name == group) for name, label in labels.items()],
            "group": labels[group],
            "days": savings.DAYS,
        }
        return TemplateResponse(request, "admin/audit/dashboard.html", context)


def _reviewers() -> list[Any]:
    """Return who may review, by name."""
    staff = get_user_model()._default_manager.filter(is_staff=True, is_active=True).order_by("username")[:200]
    return [user for user in staff if user.has_perm("audit.review_record")]


def _assignee(chosen: str) -> Any:
    """Return the reviewer of that number, None for an empty one. Raises NotFound for anybody else."""
    if not chosen:
        return None
    for user in _reviewers():
        if str(user.pk) == chosen:
            return user
    raise NotFound(gettext_noop("there is no such reviewer"))


def download(data: bytes, name: str) -> HttpResponse:
    """Return bytes as a file to keep."""
    response = HttpResponse(data, content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response


# Questions of a conversation that are scored when it is looked at: the newest, because each takes some milliseconds.
SCORED = 20


def _page(found: Conversation) -> dict[str, Any]:
    """Return what the page of a conversation shows."""
    turns = selectors.full_transcript(found.pk)
    items = [described(turn) for turn in turns]
    flags: dict[UUID, list[Flag]] = {}
    for flag in Flag.objects.filter(conversation=found):
        flags.setdefault(flag.stream, []).append(flag)
    pairs: dict[UUID, dict[str, Any]] = {}
    for item in items:
        pair = pairs.setdefault(item["turn"].stream, {"flags": flags.get(item["turn"].stream, [])})
        pair["question" if item["turn"].role == "user" else "answer"] = item
    for pair in list(pairs.values())[-SCORED:]:
        if "question" in pair:
            pair["question"]["injection"] = guard.score(pair["question"]["turn"].text)
    shown = {turn.stream for turn in branches.path(turns, branches.newest(turns))}
    versions = branches.versions(turns)
    for stream, pair in pairs.items():
        pair["version"], pair["aside"] = versions.get(stream), stream not in shown
    return {
        "pairs": list(pairs.values()),
        "totals": totals(items),
        "review": Review.objects.select_related("assignee", "proposed_by", "decided_by").filter(pk=found.pk).first(),
        "notes": found.notes.select_related("author"),
        "reviewers": [user for user in _reviewers() if user.pk != found.user_id],
    }


def described(turn: Turn) -> dict[str, Any]:
    """Return a turn as the page shows it."""
    return {
        "turn": turn,
        "at": datetime.fromtimestamp(turn.at / 1_000_000, UTC),
        "cost": turn.cost_nano / 1_000_000_000,
        **gain(turn.text_bytes, turn.wire_bytes),
        "methods": told_methods(turn.methods),
    }


def gain(text: int, wire: int) -> dict[str, float | None]:
    """Return the percents saved on the wire, and for what got larger the percents more; None for what was not coded.

    Below one percent with a decimal: a byte less is not "0 % saved".
    """
    if not text or wire == text:
        return {"saved": None, "more": None}
    percent = 100 * (1 - wire / text)
    saved = round(percent, 1) if abs(percent) < 1 else round(percent)
    return {"saved": saved, "more": -saved}


def totals(items: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the sums over a conversation."""
    text = sum(item["turn"].text_bytes for item in items)
    wire = sum(item["turn"].wire_bytes for item in items)
    models = Counter(item["turn"].model for item in items if item["turn"].model)
    return {
        "cost": sum(item["cost"] for item in items),
        "text_bytes": text,
        "wire_bytes": wire,
        "models": ", ".join(models),
        **gain(text, wire),
    }
