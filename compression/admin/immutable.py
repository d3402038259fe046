"""What the pages of the app have in common."""

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.forms import Media
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from compression.admin.shown import worth, worth_table
from compression.models import Measured


class TemplatesAdmin(admin.ModelAdmin):
    """Shows templates."""

    @property
    def media(self) -> Media:
        return super().media + Media(css={"all": ["aura/admin/templates.css"]})

    def has_promote_permission(self, request: HttpRequest) -> bool:
        """Tell Django which users see the actions."""
        return request.user.has_perm("compression.promote_library")

    def say(self, request: HttpRequest, row: Model, words: object, level: int) -> None:
        """Tell what became of a row. Its kind stands first: the admin capitalises a message, but a hash stays as it is."""
        self.message_user(request, f"{capfirst(row._meta.verbose_name)} {row}: {words}", level)

    @admin.display(description=_("earns its place by"), ordering="gain")
    def earned(self, row: Measured) -> SafeString:
        return worth(row)

    @admin.display(description=_("earns its place by"))
    def worth_list(self, row: Measured) -> SafeString:
        return worth_table(row)


class ImmutableAdmin(TemplatesAdmin):
    """What cannot be added, changed or deleted by hand."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
