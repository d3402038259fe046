"""Second factors in the admin. Who makes, changes or deletes one there, mostly somebody else's, is on the record first; so
is who deletes an account, which takes its second factor with it."""

from binascii import unhexlify
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_otp.plugins.otp_static.admin import StaticDeviceAdmin
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.admin import TOTPDeviceAdmin
from django_otp.plugins.otp_totp.models import TOTPDevice

from audit.access import log_access
from audit.admin.base import TrackedAdmin, told
from aura_site import second_factor


class RecordedAdmin(TrackedAdmin):
    """Edits rows that are not on the ledger; that they are edited is, and while it cannot be, they stay as they are."""

    # What the record calls them.
    called: str
    search_help_text = gettext_lazy("Name or e-mail address of a user")

    changeform_view = told(TrackedAdmin.changeform_view)
    delete_view = told(TrackedAdmin.delete_view)
    changelist_view = told(TrackedAdmin.changelist_view)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        # In the form only: in the model they would make a migration of django-otp's.
        fields = self.model._meta.fields
        kwargs["help_texts"] = {field.name: _(str(field.help_text)) for field in fields if field.help_text}
        return super().get_form(request, obj, change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return [(name and _(str(name)), options) for name, options in super().get_fieldsets(request, obj)]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        # One that is changed may have been another's.
        before = {form.initial["user"]} if change else set()
        self._log(request, "changed" if change else "set up", {obj.user_id} | before)
        obj.save()

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self._log(request, "taken away", {obj.user_id})
        obj.delete()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        self._log(request, "taken away", {device.user_id for device in queryset})
        queryset.delete()

    def _log(self, request: HttpRequest, what: str, accounts: set[int]) -> None:
        for account in sorted(accounts):
            log_access(request.user.get_username(), what, self.called, account=account)


# Their own pages register themselves when they are imported.
admin.site.unregister([TOTPDevice, StaticDevice, Group, get_user_model()])


class AppForm(forms.ModelForm):
    """Says what a secret looks like in the language of who types it; django-otp says it in English."""

    def clean_key(self) -> str:
        key = str(self.cleaned_data["key"])
        try:
            unhexlify(key)
        except ValueError:
            raise ValidationError(_("The key has an even number of hexadecimal digits: 0 to 9, a to f.")) from None
        return key


@admin.register(TOTPDevice)
class AppAdmin(RecordedAdmin, TOTPDeviceAdmin):
    called = "second factor"
    form = AppForm


@admin.register(StaticDevice)
class RecoveryCodesAdmin(RecordedAdmin, StaticDeviceAdmin):
    called = "recovery codes"


# As Django names the permissions that every model has. In the database they stand in English, whoever reads them.
_USUAL = {
    "add": gettext_lazy("Can add %(what)s"),
    "change": gettext_lazy("Can change %(what)s"),
    "delete": gettext_lazy("Can delete %(what)s"),
    "view": gettext_lazy("Can view %(what)s"),
}


class PermissionsField(forms.ModelMultipleChoiceField):
    """Names permissions in the language of who gives them."""

    def label_from_instance(self, obj: Any) -> str:
        permission: Permission = obj
        kind = permission.content_type
        verb, _underscore, model = permission.codename.partition("_")
        if verb in _USUAL and model == kind.model:
            return f"{kind} | {_USUAL[verb] % {'what': kind.name}}"
        return f"{kind} | {_(permission.name)}"


@admin.register(Group)
class RoleAdmin(GroupAdmin):
    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest | None = None, **kwargs: Any) -> Any:
        more = {"form_class": PermissionsField} if db_field.name == "permissions" else {}
        return super().formfield_for_manytomany(db_field, request, **more, **kwargs)


@admin.register(get_user_model())
class AccountAdmin(UserAdmin):
    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        more = {"form_class": PermissionsField} if db_field.name == "user_permissions" else {}
        return super().formfield_for_manytomany(db_field, request, **more, **kwargs)

    # Not in a transaction of the page's own: the journal writes on another connection.
    delete_view = told(TrackedAdmin.delete_view)
    changelist_view = told(UserAdmin.changelist_view)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        if second_factor.enrolled(obj):
            second_factor.reset(obj, request.user.get_username())
        obj.delete()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for account in queryset:
            self.delete_model(request, account)
