"""Templates and libraries in the admin: to be read, and libraries to be promoted, retired and rolled back."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.db.models import Count, Prefetch, QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from compression import codec, review, selectors, services
from compression.admin.immutable import ImmutableAdmin
from compression.admin.shown import form_list, shown, slot_table, table, worth
from compression.changes import changes
from compression.codec.errors import CompressionError, LibraryError
from compression.models import Candidate, Library, Template
from compression.wording import in_words

#: More templates than this are counted, not listed, on a library's page.
LISTED = 200


@admin.register(Template)
class TemplateAdmin(ImmutableAdmin):
    list_display = ("number", "text", "earned", "slot_count", "fixed_bytes", "library_list")
    list_display_links = ("number", "text")
    list_filter = ("worth", ("libraries", admin.RelatedOnlyFieldListFilter))
    search_fields = ("=id", "parts")
    actions = ("retire", "bring_back")
    fields = ("number", "text", "worth_list", "slot_list", "fixed_bytes", "library_list")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Template]:
        # Of libraries only what names them: a manifest may have a megabyte.
        return (
            super()
            .get_queryset(request)
            .prefetch_related(Prefetch("libraries", Library.objects.defer("manifest", "shadow")))
        )

    @admin.display(description=_("id"), ordering="pk")
    def number(self, template: Template) -> str:
        return str(template.pk)

    @admin.display(description=_("text"))
    def text(self, template: Template) -> SafeString:
        return shown(template.value)

    @admin.display(description=_("slots"))
    def slot_count(self, template: Template) -> int:
        return template.value.slot_count

    @admin.display(description=_("slots"))
    def slot_list(self, template: Template) -> SafeString:
        """Show the forms that the slots have in the active library, or in the newest one that has the template."""
        found = selectors.active_library().template(template.pk)
        if found is None:
            newest = template.libraries.order_by("-pk").first()
            found = _value(newest).template(template.pk) if newest is not None else None
        known = found.forms if found is not None else ()
        candidate = Candidate.objects.filter(template=template).first()
        forms = [one.texts if one is not None else None for one in known] or [None] * template.value.slot_count
        return slot_table(candidate.kinds if candidate is not None else (), forms)

    @admin.display(description=_("bytes of fixed text"))
    def fixed_bytes(self, template: Template) -> int:
        return template.value.fixed_bytes

    @admin.display(description=_("libraries"))
    def library_list(self, template: Template) -> str:
        return ", ".join(f"{library} ({library.get_status_display()})" for library in template.libraries.all())

    @admin.action(description=_("Retire: code without these from now on"), permissions=["promote"])
    def retire(self, request: HttpRequest, queryset: QuerySet[Template]) -> None:
        """Make a library of the others, and promote it."""
        chosen = list(queryset)
        try:
            library = services.promote(review.retire_templates(chosen), request.user)
        except CompressionError as error:
            self.message_user(request, in_words(error), messages.ERROR)
            return
        logged = _("Proposed to retire.") if library.waits else _("Retired.")
        for template in chosen:
            self.log_change(request, template, f"{logged} {library}")
        note = _("Library %s is active, without these templates. What was coded with them stays readable.")
        if library.waits:
            note = _(
                "Library %s, without these templates, is proposed: another person has to approve it under Libraries."
            )
        self.message_user(request, note % library, messages.SUCCESS)

    @admin.action(description=_("Bring back: code with these again"), permissions=["promote"])
    def bring_back(self, request: HttpRequest, queryset: QuerySet[Template]) -> None:
        """Make a library with those that are not in the active one, and promote it."""
        chosen = list(queryset)
        try:
            library = services.promote(review.bring_back(chosen), request.user)
        except CompressionError as error:
            self.message_user(request, in_words(error), messages.ERROR)
            return
        logged = _("Proposed to bring back.") if library.waits else _("Brought back.")
        for template in chosen:
            self.log_change(request, template, f"{logged} {library}")
        note = _("Library %s is active, with these templates.")
        if library.waits:
            note = _("Library %s, with these templates, is proposed: another person has to approve it under Libraries.")
        self.message_user(request, note % library, messages.SUCCESS)


class WaitingFilter(admin.SimpleListFilter):
    """Libraries that somebody proposed and another person has to approve."""

    title = _("approval")
    parameter_name = "waits"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("Waits for another person")), ("mine", _("Proposed by me"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Library]) -> QuerySet[Library]:
        waiting = queryset.filter(status=Library.Status.CANDIDATE, proposed_by__isnull=False)
        if self.value() == "yes":
            return waiting
        return waiting.filter(proposed_by=request.user.pk) if self.value() == "mine" else queryset


@admin.register(Library)
class LibraryAdmin(ImmutableAdmin):
    list_display = (
        "short_hash",
        "state",
        "origin",
        "template_count",
        "created",
        "proposed_by",
        "promoted",
        "promoted_by",
    )
    list_filter = ("status", WaitingFilter, "origin")
    search_fields = ("hash",)
    list_select_related = ("promoted_by", "proposed_by")
    actions = ("promote", "retire", "roll_back")
    fields = (
        "hash",
        "state",
        "origin",
        "template_count",
        "bytes",
        "created",
        "proposed",
        "proposed_by",
        "promoted",
        "promoted_by",
        "retired",
        "measured",
        "changed",
        "template_list",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Library]:
        queryset: QuerySet[Library] = super().get_queryset(request)
        return queryset.annotate(template_total=Count("templates"))

    @admin.display(description=_("hash"), ordering="hash")
    def short_hash(self, library: Library) -> str:
        return str(library)

    @admin.display(description=_("status"), ordering="status")
    def state(self, library: Library) -> str:
        if library.waits and settings.DISCOVERY_FOUR_EYES:
            return str(_("Waits for another person"))
        return str(library.get_status_display())

    @admin.display(description=_("templates"), ordering="template_total")
    def template_count(self, library: Any) -> int:
        return int(library.template_total)

    @admin.display(description=_("size"))
    def bytes(self, library: Library) -> str:
        return filesizeformat(library.size)

    @admin.display(description=_("shadow measurement"))
    def measured(self, library: Library) -> str:
        """Say what the library would have done for recent answers, before it was promoted."""
        if not library.shadow or not library.shadow["text"]:
            return "-"
        text = _(
            "%(answers)d answers of %(text)d bytes, whole and by sentences: %(before)d bytes before, %(after)d with it"
        )
        return str(text % library.shadow)

    @admin.display(description=_("changes"))
    def changed(self, library: Library) -> SafeString | str:
        """Show what is different from the version before: what was active before it, or is while it is a candidate."""
        before = services.before(library)
        if before is None:
            return "-"
        try:
            found = changes(_value(before), _value(library))
        except LibraryError as error:
            return in_words(error)
        if not found.any:
            return str(_("The same templates as in %s.") % before)
        rows: list[tuple[Any, ...]] = []
        rows += [(_sign("added"), one.id, shown(one)) for one in found.added[:LISTED]]
        rows += [(_sign("removed"), one.id, shown(one)) for one in found.removed[:LISTED]]
        for one in found.reformed[:LISTED]:
            signs = [("added", one.added), ("removed", one.removed)]
            lists = format_html_join(
                "", "<p>{} {}</p>", ((_sign(name), form_list(texts)) for name, texts in signs if texts)
            )
            slot = format_html("<mark>{}</mark>", f"{{{one.slot}}}")
            rows.append(
                (_("other usual values"), one.template.id, format_html("{} {}{}", shown(one.template), slot, lists))
            )
        told = {
            "before": before,
            "added": len(found.added),
            "removed": len(found.removed),
            "slots": len(found.reformed),
            "news": filesizeformat(found.news),
            "download": filesizeformat(found.download),
        }
        text = _(
            "Beside %(before)s: templates added: %(added)d, removed: %(removed)d; slots with other usual values: %(slots)d. "
            "A client that has it fetches %(news)s instead of %(download)s, before compression."
        )
        more = _("Its dictionary is another one.") if found.dictionary else ""
        listed = table(_("changes"), (_("change"), _("id"), _("text")), rows) if rows else ""
        return format_html("<p>{} {}</p>{}", text % told, more, listed)

    @admin.display(description=_("templates"))
    def template_list(self, library: Any) -> SafeString:
        rows = [(row.id, shown(row.value), worth(row)) for row in library.templates.all()[:LISTED]]
        listed = table(_("templates"), (_("id"), _("text"), _("earns its place by")), rows)
        more = int(library.template_total) - LISTED
        return (
            format_html("{}<p>{}</p>", listed, ngettext("and %d more", "and %d more", more) % more)
            if more > 0
            else listed
        )

    @admin.action(description=_("Promote: code with this library from now on"), permissions=["promote"])
    def promote(self, request: HttpRequest, queryset: QuerySet[Library]) -> None:
        if queryset.count() != 1:
            self.message_user(request, _("Choose exactly one library to promote."), messages.ERROR)
            return
        self._change(request, queryset, lambda library: services.promote(library, request.user), _promoted)

    @admin.action(description=_("Retire: turn these candidates down"), permissions=["promote"])
    def retire(self, request: HttpRequest, queryset: QuerySet[Library]) -> None:
        self._change(request, queryset, services.retire, lambda *_libraries: str(_("Retired.")))

    @admin.action(description=_("Roll back to the library that was active before"), permissions=["promote"])
    def roll_back(self, request: HttpRequest, queryset: QuerySet[Library]) -> None:
        self._change(
            request,
            queryset[:1],
            lambda _library: services.roll_back(request.user),
            lambda *_libraries: str(_("Rolled back to.")),
        )

    def _change(
        self,
        request: HttpRequest,
        queryset: QuerySet[Library],
        service: Callable[[Library], Library],
        note: Callable[[Library, Library], str],
    ) -> None:
        """Call `service` on each library, log what it changed under the user's name, and say how it went.

        `note` says so of a library as it was and of the one that `service` returned.
        """
        for library in queryset:
            try:
                changed = service(library)
            except CompressionError as error:
                self.message_user(request, in_words(error), messages.ERROR)
            else:
                if (changed, changed.status, changed.proposed) == (library, library.status, library.proposed):
                    self.say(
                        request, changed, _("It was so already: %s.") % changed.get_status_display(), messages.WARNING
                    )
                    continue
                self.log_change(request, changed, note(library, changed))
                self.say(request, changed, note(library, changed), messages.SUCCESS)


def _promoted(before: Library, library: Library) -> str:
    """Say what promoting has made of a library: with two people, who proposed it and that somebody else approved. That
    counts once: going back to a library takes one person."""
    if library.waits:
        return str(_("Proposed. Another person has to approve it."))
    if before.promoted is None and library.proposed_by is not None and library.proposed_by != library.promoted_by:
        return str(_("Approved and promoted. It was proposed by %s.") % library.proposed_by.get_username())
    return str(_("Promoted."))


def _value(library: Library) -> codec.Library:
    return selectors.stored(library.hash)


def _sign(change: str) -> SafeString:
    sign, name = ("+", _("added")) if change == "added" else ("−", _("removed"))
    return format_html('<span class="aura-{}">{} {}</span>', change, sign, name)
