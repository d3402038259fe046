"""What the pages of the app have in common."""

from typing import Any

from django.contrib import admin
from django.forms import Media
from django.http import HttpRequest


class TemplatesAdmin(admin.ModelAdmin):
    """Shows templates."""

    @property
    def media(self) -> Media:
        return super().media + Media(css={"all": ["aura/admin/templates.css"]})


class ImmutableAdmin(TemplatesAdmin):
    """What cannot be added, changed or deleted by hand."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
