"""What the pages of the app have in common."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from compression import codec


class ImmutableAdmin(admin.ModelAdmin):
    """What cannot be added, changed or deleted by hand."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def shown(template: codec.Template, values: list[str] | None = None) -> SafeString:
    """Return the template's parts with its slots, or what stands in them, set apart: `Hello, [0]!`."""
    first, *rest = template.parts
    names = values if values is not None else [f"{{{number}}}" for number in range(len(rest))]
    slots = format_html_join("", "<mark>{}</mark>{}", zip(names, rest, strict=True))
    return format_html('<bdi dir="auto">{}{}</bdi>', first, slots)
