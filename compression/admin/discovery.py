"""Candidates to be reviewed, and runs to be watched, begun and cancelled."""

import re
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from compression import codec, review, runs, services, tasks
from compression.admin.immutable import ImmutableAdmin, shown
from compression.codec.errors import CompressionError
from compression.models import Candidate, DiscoveryRun

_SLOT = re.compile(r"\{\d{1,2}\}")


class CandidateForm(forms.ModelForm):
    """The text of a candidate, its slots written `{0}`, `{1}` ..."""

    text = forms.CharField(
        label=_("text"),
        widget=forms.Textarea(attrs={"rows": 8, "dir": "auto"}),
        help_text=_("Slots are written {0}, {1} ... Each example has to come out of the text still."),
        strip=False,
    )

    class Meta:
        model = Candidate
        fields = ("text",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and "text" in self.fields:
            self.fields["text"].initial = self.instance.value.pattern()

    def clean_text(self) -> str:
        """Check the new text: a template, without personal data, that still makes the examples."""
        # A form sends line ends as CR LF whatever they were.
        text = str(self.cleaned_data["text"]).replace("\r\n", "\n")
        parts = _SLOT.split(text)
        try:
            review.check(parts)
        except CompressionError as error:
            raise ValidationError(str(error)) from None
        template = codec.Template(0, tuple(parts))
        if not all(template.match(example) is not None for example in self.instance.examples):
            raise ValidationError(_("The text no longer makes all of the examples."))
        if Candidate.objects.exclude(pk=self.instance.pk).filter(digest=runs.digest(parts)).exists():
            raise ValidationError(_("Another candidate has this text already."))
        self.instance.parts, self.instance.digest = parts, runs.digest(parts)
        return text


@admin.register(Candidate)
class CandidateAdmin(admin.ModelAdmin):
    form = CandidateForm
    list_display = ("shown_text", "level", "status", "users", "count", "hits", "saved", "carrying", "privacy")
    list_filter = ("status", "level")
    search_fields = ("parts",)
    actions = ("promote", "reject", "split", "merge")
    readonly_fields = (
        "shown_text",
        "level",
        "status",
        "privacy",
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

    def has_promote_permission(self, request: HttpRequest) -> bool:
        """Tell Django which users see the actions."""
        return request.user.has_perm("compression.promote_library")

    @admin.display(description=_("template"))
    def shown_text(self, candidate: Candidate) -> SafeString:
        return shown(candidate.value)

    @admin.display(description=_("privacy"))
    def privacy(self, candidate: Candidate) -> str:
        """Say what the check of the fixed text found."""
        try:
            review.check(candidate.parts)
        except CompressionError as error:
            return str(error)
        seen = ngettext("seen with at least %d user", "seen with at least %d users", candidate.users) % candidate.users
        return f"{_('no personal data found')}; {seen}"

    @admin.display(description=_("slots"))
    def slot_list(self, candidate: Candidate) -> str:
        return ", ".join(f"{{{number}}}: {kind}" for number, kind in enumerate(candidate.kinds)) or "-"

    @admin.display(description=_("examples (redacted)"))
    def example_list(self, candidate: Candidate) -> SafeString:
        """Show real answers with what stood in the slots marked."""
        matched = [(example, candidate.value.match(example)) for example in candidate.examples]
        rows = ((shown(candidate.value, slots),) for _example, slots in matched if slots is not None)
        return format_html("<ul>{}</ul>", format_html_join("", "<li>{}</li>", rows))

    @admin.action(description=_("Promote: put these into a new library and code with it"), permissions=["promote"])
    def promote(self, request: HttpRequest, queryset: QuerySet[Candidate]) -> None:
        """Accept the candidates, measure the library they make, and promote it when it saves something."""
        try:
            library = review.accept(queryset, request.user)
            shadow = review.Shadow(**(library.shadow or {}))
            if not shadow.better:
                note = _(
                    "Library %s saves nothing on recent answers. It stays a candidate; promote it there to use it."
                )
                self.message_user(request, note % library, messages.WARNING)
                return
            services.promote(library, request.user)
        except CompressionError as error:
            self.message_user(request, str(error), messages.ERROR)
            return
        self.log_change(request, queryset.first(), f"{_('Promoted.')} {library}")
        note = _("Library %(library)s is active: %(after)d instead of %(before)d bytes for %(answers)d recent answers.")
        told = {"library": library, "after": shadow.after, "before": shadow.before, "answers": shadow.answers}
        self.message_user(request, note % told, messages.SUCCESS)

    @admin.action(description=_("Reject: never propose these again"), permissions=["promote"])
    def reject(self, request: HttpRequest, queryset: QuerySet[Candidate]) -> None:
        for candidate in queryset:
            try:
                review.reject(candidate, request.user)
            except CompressionError as error:
                self.message_user(request, f"{candidate}: {error}", messages.ERROR)
            else:
                self.log_change(request, candidate, str(_("Rejected.")))
                self.message_user(request, f"{candidate}: {_('Rejected.')}", messages.SUCCESS)

    @admin.action(description=_("Split into sentences"), permissions=["promote"])
    def split(self, request: HttpRequest, queryset: QuerySet[Candidate]) -> None:
        for candidate in queryset:
            try:
                made = review.split(candidate, request.user)
            except CompressionError as error:
                self.message_user(request, f"{candidate}: {error}", messages.ERROR)
            else:
                self.log_change(request, candidate, str(_("Split into sentences.")))
                self.message_user(request, _("New candidates: %d") % len(made), messages.SUCCESS)

    @admin.action(description=_("Merge into one, with slots where they differ"), permissions=["promote"])
    def merge(self, request: HttpRequest, queryset: QuerySet[Candidate]) -> None:
        chosen = list(queryset)
        try:
            made = review.merge(chosen, request.user)
        except CompressionError as error:
            self.message_user(request, str(error), messages.ERROR)
            return
        for candidate in chosen:
            self.log_change(request, candidate, f"{_('Merged.')} {made}")
        self.message_user(request, f"{_('Merged.')} {made}", messages.SUCCESS)


@admin.register(DiscoveryRun)
class DiscoveryRunAdmin(ImmutableAdmin):
    list_display = ("number", "status", "trigger", "progress", "found", "proposed", "started", "finished")
    list_filter = ("status", "trigger")
    actions = ("cancel", "again")
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
    def number(self, run: DiscoveryRun) -> int:
        return run.pk

    @admin.display(description=_("progress"))
    def progress(self, run: DiscoveryRun) -> SafeString:
        bar = '<progress max="{}" value="{}"></progress> {} / {}'
        return format_html(bar, max(1, run.total), run.done, run.done, run.total)

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
        try:
            tasks.discover.delay(asked=True)
        except OSError:
            self.message_user(request, _("The broker does not answer, so no worker could be asked."), messages.ERROR)
        else:
            self.message_user(request, _("A worker was asked to run discovery."), messages.SUCCESS)
