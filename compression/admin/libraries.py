"""Templates and libraries in the admin: to be read, and libraries to be promoted, retired and rolled back."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from compression import services
from compression.admin.immutable import ImmutableAdmin, shown
from compression.codec.errors import CompressionError
from compression.models import Library, Template

#: More templates than this are counted, not listed, on a library's page.
LISTED = 200


@admin.register(Template)
class TemplateAdmin(ImmutableAdmin):
    list_display = ("id", "text", "slot_count", "fixed_bytes", "library_list")
    list_display_links = ("id", "text")
    list_filter = (("libraries", admin.RelatedOnlyFieldListFilter),)
    search_fields = ("=id", "parts")
    fields = ("id", "text", "slot_count", "fixed_bytes", "library_list")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Template]:
        return super().get_queryset(request).prefetch_related("libraries")

    @admin.display(description=_("text"))
    def text(self, template: Template) -> SafeString:
        return shown(template.value)

    @admin.display(description=_("slots"))
    def slot_count(self, template: Template) -> int:
        return template.value.slot_count

    @admin.display(description=_("bytes of fixed text"))
    def fixed_bytes(self, template: Template) -> int:
        return template.value.fixed_bytes

    @admin.display(description=_("libraries"))
    def library_list(self, template: Template) -> str:
        return ", ".join(f"{library} ({library.get_status_display()})" for library in template.libraries.all())


@admin.register(Library)
class LibraryAdmin(ImmutableAdmin):
    list_display = ("short_hash", "status", "origin", "template_count", "bytes", "created", "promoted", "promoted_by")
    list_filter = ("status", "origin")
    search_fields = ("hash",)
    list_select_related = ("promoted_by",)
    actions = ("promote", "retire", "roll_back")
    fields = (
        "hash",
        "status",
        "origin",
        "template_count",
        "bytes",
        "created",
        "promoted",
        "promoted_by",
        "retired",
        "measured",
        "template_list",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Library]:
        queryset: QuerySet[Library] = super().get_queryset(request)
        return queryset.annotate(template_total=Count("templates"))

    def has_promote_permission(self, request: HttpRequest) -> bool:
        """Tell Django which users see the actions."""
        return request.user.has_perm("compression.promote_library")

    @admin.display(description=_("hash"), ordering="hash")
    def short_hash(self, library: Library) -> str:
        return str(library)

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

    @admin.display(description=_("templates"))
    def template_list(self, library: Library) -> SafeString:
        rows = format_html_join(
            "",
            "<tr><td>{}</td><td>{}</td></tr>",
            ((template.id, shown(template.value)) for template in library.templates.all()[:LISTED]),
        )
        head = (_("id"), _("text"))
        return format_html("<table><tr><th>{}</th><th>{}</th></tr>{}</table>", *head, rows)

    @admin.action(description=_("Promote: code with this library from now on"), permissions=["promote"])
    def promote(self, request: HttpRequest, queryset: QuerySet[Library]) -> None:
        if queryset.count() != 1:
            self.message_user(request, _("Choose exactly one library to promote."), messages.ERROR)
            return
        self._change(request, queryset, lambda library: services.promote(library, request.user), _("Promoted."))

    @admin.action(description=_("Retire: turn these candidates down"), permissions=["promote"])
    def retire(self, request: HttpRequest, queryset: QuerySet[Library]) -> None:
        self._change(request, queryset, services.retire, _("Retired."))

    @admin.action(description=_("Roll back to the library that was active before"), permissions=["promote"])
    def roll_back(self, request: HttpRequest, queryset: QuerySet[Library]) -> None:
        self._change(request, queryset[:1], lambda _library: services.roll_back(request.user), _("Rolled back to."))

    def _change(self, request: HttpRequest, queryset: QuerySet[Library], service: Any, note: Any) -> None:
        """Call `service` on each library, log what it changed under the user's name, and say how it went."""
        for library in queryset:
            try:
                changed = service(library)
            except CompressionError as error:
                self.message_user(request, str(error), messages.ERROR)
            else:
                self.log_change(request, changed, str(note))
                self.message_user(request, f"{changed}: {note}", messages.SUCCESS)
