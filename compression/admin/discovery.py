"""Candidates to be reviewed, and runs to be watched, begun and cancelled."""

import json
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.formats import localize
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_POST

from compression import review, runs, tasks
from compression.admin.immutable import ImmutableAdmin, TemplatesAdmin
from compression.admin.shown import shown, slot_table
from compression.admin.written import read, written
from compression.codec.errors import CompressionError
from compression.models import Candidate, DiscoveryRun, Library, Sample
from compression.visible import unseen
from compression.wording import in_words


class CandidateForm(forms.ModelForm):
    """The text of a candidate, its slots written `{0}`, `{1}` ..., its own braces twice."""

    text = forms.CharField(
        label=capfirst(_("text")),
        widget=forms.Textarea(attrs={"rows": 8, "dir": "auto"}),
        help_text=_(
            "Slots are written {0}, {1} ..., and braces of the text itself twice: {{ or }}. Each example has to come out of "
            "the text still."
        ),
        strip=False,
    )

    class Meta:
        model = Candidate
        fields = ("text",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and "text" in self.fields:
            self.fields["text"].initial = written(self.instance.parts)

    def clean_text(self) -> str:
        """Check the new text: a template, without personal data, that still makes the examples."""
        # A form sends line ends as CR LF whatever they were.
        text = str(self.cleaned_data["text"]).replace("\r\n", "\n")
        try:
            review.fit(self.instance, read(text))
        except CompressionError as error:
            raise ValidationError(in_words(error)) from None
        return text


@admin.register(Candidate)
class CandidateAdmin(TemplatesAdmin):
    form = CandidateForm
    list_display = ("shown_text", "earned", "hits", "saved", "privacy", "level", "status")
    list_filter = ("status", "worth", "level")
    search_fields = ("parts",)
    actions = ("promote", "reject", "split", "merge")
    readonly_fields = (
        "shown_text",
        "status",
        "level",
        "privacy",
        "worth_list",
        "users",
        "count",
        "hits",
        "saved",
        "carrying",
        "slot_list",
        "example_list",
        "run",
        "decided",
        "decided_by",
        "template",
    )
    fields = ("shown_text", "text", *readonly_fields[1:])

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only what waits can be edited."""
        decided = obj is not None and obj.status != Candidate.Status.WAITING
        return not decided and super().has_change_permission(request, obj)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        editable = self.has_change_permission(request, obj)
        return self.fields if editable else self.readonly_fields

    @method_decorator(csrf_protect)
    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        # Not in a transaction of the page's own: an edited candidate is measured, and SQLite has one writer.
        response: HttpResponse = self._changeform_view(request, object_id, form_url, extra_context)  # type: ignore[attr-defined]
        return response

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Candidate], search_term: str
    ) -> tuple[QuerySet[Candidate], bool]:
        """Find words of any script: SQLite keeps JSON with its letters escaped, PostgreSQL as they are."""
        plain, distinct = super().get_search_results(request, queryset, search_term)
        return plain | queryset.filter(parts__icontains=json.dumps(search_term)[1:-1]), distinct

    def save_model(self, request: HttpRequest, obj: Candidate, form: forms.ModelForm, change: bool) -> None:
        """Give the candidate its new text. What the form checked somebody else may have changed meanwhile."""
        try:
            review.edit(obj, read(form.cleaned_data["text"]))
        except CompressionError as error:
            self.message_user(request, in_words(error), messages.ERROR)

    @admin.display(description=_("template"))
    def shown_text(self, candidate: Candidate) -> SafeString:
        return shown(candidate.value)

    @admin.display(description=_("privacy"))
    def privacy(self, candidate: Candidate) -> str:
        """Say what the check of the fixed text found, and what in it nobody sees."""
        try:
            review.check(candidate.parts)
        except CompressionError as error:
            return in_words(error)
        seen = ngettext("seen with at least %d user", "seen with at least %d users", candidate.users) % candidate.users
        said = [_("no personal data found"), seen]
        if signs := unseen("".join(candidate.parts)):
            said.append(_("signs that nobody sees: %s") % ", ".join(signs))
        return "; ".join(map(str, said))

    @admin.display(description=_("slots"))
    def slot_list(self, candidate: Candidate) -> SafeString:
        return slot_table(candidate.kinds, candidate.forms)

    @admin.display(description=_("examples (redacted)"))
    def example_list(self, candidate: Candidate) -> SafeString:
        """Show real answers with what stood in the slots marked."""
        matched = [(example, candidate.value.match(example)) for example in candidate.examples]
        rows = [(shown(candidate.value, slots),) for _example, slots in matched if slots is not None]
        if not rows:
            return format_html('<span class="aura-quiet">{}</span>', _("The next run of discovery brings some."))
        note = _("What fewer than %d users saw in a slot is blackened.") % settings.DISCOVERY_USERS
        listed = format_html_join("", "<li>{}</li>", rows)
        return format_html('<ul class="aura-examples">{}</ul><p class="aura-quiet">{}</p>', listed, note)

    @admin.action(description=_("Promote: put these into a new library and code with it"), permissions=["promote"])
    def promote(self, request: HttpRequest, queryset: QuerySet[Candidate]) -> None:
        """Accept the candidates, measure the library they make, and promote it when it saves something."""
        chosen = list(queryset.filter(status=Candidate.Status.WAITING))
        try:
            library = review.promote(chosen, request.user)
            shadow = review.Shadow(**(library.shadow or {}))
        except CompressionError as error:
            self.message_user(request, in_words(error), messages.ERROR)
            return
        logged, level = (_("Accepted."), messages.WARNING)
        note = _(
            "Library %(library)s saves nothing on recent answers. It stays a candidate; promote it there to use it."
        )
        if library.waits:
            logged, level = (_("Proposed."), messages.SUCCESS)
            note = _(
                "Library %(library)s is proposed: %(after)d instead of %(before)d bytes for %(answers)d recent answers. "
                "Another person has to approve it under Libraries."
            )
        elif library.status == Library.Status.ACTIVE:
            logged, level = (_("Promoted."), messages.SUCCESS)
            note = _(
                "Library %(library)s is active: %(after)d instead of %(before)d bytes for %(answers)d recent answers."
            )
        for candidate in chosen:
            self.log_change(request, candidate, f"{logged} {library}")
        told = {"library": library, "after": shadow.after, "before": shadow.before, "answers": shadow.answers}
        self.message_user(request, note % told, level)

    @admin.action(description=_("Reject: never propose these again"), permissions=["promote"])
    def reject(self, request: HttpRequest, queryset: QuerySet[Candidate]) -> None:
        for candidate in queryset:
            try:
                review.reject(candidate, request.user)
            except CompressionError as error:
                self.say(request, candidate, in_words(error), messages.ERROR)
            else:
                self.log_change(request, candidate, str(_("Rejected.")))
                self.say(request, candidate, _("Rejected."), messages.SUCCESS)

    @admin.action(description=_("Split into sentences"), permissions=["promote"])
    def split(self, request: HttpRequest, queryset: QuerySet[Candidate]) -> None:
        for candidate in queryset:
            try:
                made = review.split(candidate, request.user)
            except CompressionError as error:
                self.say(request, candidate, in_words(error), messages.ERROR)
            else:
                self.log_change(request, candidate, str(_("Split into sentences.")))
                self.message_user(request, _("New candidates: %d") % len(made), messages.SUCCESS)

    @admin.action(description=_("Merge into one, with slots where they differ"), permissions=["promote"])
    def merge(self, request: HttpRequest, queryset: QuerySet[Candidate]) -> None:
        chosen = list(queryset)
        try:
            made = review.merge(chosen, request.user)
        except CompressionError as error:
            self.message_user(request, in_words(error), messages.ERROR)
            return
        for candidate in chosen:
            self.log_change(request, candidate, f"{_('Merged.')} {made}")
        self.message_user(request, f"{_('Merged.')} {made}", messages.SUCCESS)


@admin.register(DiscoveryRun)
class DiscoveryRunAdmin(ImmutableAdmin):
    list_display = ("number", "status", "trigger", "progress", "found", "proposed", "started", "finished")
    list_filter = ("status", "trigger")
    actions = ("cancel", "again")
    change_list_template = "admin/compression/discoveryrun/change_list.html"
    fields = (
        "status",
        "trigger",
        "progress",
        "found",
        "proposed",
        "started",
        "beat",
        "finished",
        "cancel_asked",
        "dictionary",
        "error",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[DiscoveryRun]:
        queryset: QuerySet[DiscoveryRun] = super().get_queryset(request)
        return queryset.defer("state")

    def has_run_permission(self, request: HttpRequest) -> bool:
        """Tell Django which users see the actions."""
        return request.user.has_perm("compression.run_discovery")

    @admin.display(description=_("number"), ordering="pk")
    def number(self, run: DiscoveryRun) -> str:
        return str(run.pk)

    @admin.display(description=_("progress"))
    def progress(self, run: DiscoveryRun) -> SafeString:
        bar = '<progress max="{}" value="{}"></progress> {} / {}'
        return format_html(bar, max(1, run.total), run.done, localize(run.done), localize(run.total))

    @admin.action(description=_("Cancel"), permissions=["run"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[DiscoveryRun]) -> None:
        for run in queryset:
            if runs.cancel(run):
                self.log_change(request, run, str(_("Asked to stop.")))
                self.message_user(request, _("Asked to stop."), messages.SUCCESS)
            else:
                self.message_user(request, _("This run has ended already."), messages.WARNING)

    @admin.action(description=_("Run discovery again now"), permissions=["run"])
    def again(self, request: HttpRequest, queryset: QuerySet[DiscoveryRun]) -> None:
        self._ask(request)

    def get_urls(self) -> list[URLPattern]:
        begin = path(
            "begin/", self.admin_site.admin_view(require_POST(self.begin)), name="compression_discoveryrun_begin"
        )
        return [begin, *super().get_urls()]

    def begin(self, request: HttpRequest) -> HttpResponse:
        """Have a worker run discovery: the list's button, which is there before there is any run to choose."""
        if not self.has_run_permission(request):
            raise PermissionDenied
        self._ask(request)
        return HttpResponseRedirect(reverse("admin:compression_discoveryrun_changelist"))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {"may_run": self.has_run_permission(request), **(extra_context or {})}
        return super().changelist_view(request, context)

    def _ask(self, request: HttpRequest) -> None:
        running = DiscoveryRun.objects.filter(status=DiscoveryRun.Status.RUNNING)
        if running.exclude(pk__in=runs.silent()).exists():
            self.message_user(request, _("A run is at work already."), messages.WARNING)
        elif not Sample.objects.exists():
            note = _("There are no samples yet: answers are sampled as they are given.")
            self.message_user(request, note, messages.WARNING)
        elif tasks.ask():
            self.message_user(request, _("A worker was asked to run discovery."), messages.SUCCESS)
        else:
            self.message_user(request, _("The broker does not answer, so no worker could be asked."), messages.ERROR)
