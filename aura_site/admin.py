"""Second factors in the admin. Who makes, changes or deletes one there, mostly somebody else's, is on the record first; so
is who deletes an account, which takes its second factor with it."""

from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.admin import UserAdmin
from django.db.models import QuerySet
from django.http import HttpRequest
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

    changeform_view = told(TrackedAdmin.changeform_view)
    delete_view = told(TrackedAdmin.delete_view)
    changelist_view = told(TrackedAdmin.changelist_view)

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
admin.site.unregister([TOTPDevice, StaticDevice, get_user_model()])


@admin.register(TOTPDevice)
class AppAdmin(RecordedAdmin, TOTPDeviceAdmin):
    called = "second factor"


@admin.register(StaticDevice)
class RecoveryCodesAdmin(RecordedAdmin, StaticDeviceAdmin):
    called = "recovery codes"


@admin.register(get_user_model())
class AccountAdmin(UserAdmin):
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
