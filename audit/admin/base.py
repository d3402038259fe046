"""What the pages of the record have in common: who may what, why they look, and writing through the ledger."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_protect

from audit import access, tracking
from audit.errors import AuditError
from audit.models import Conversation, Tracked
from audit.wording import in_words

PURPOSE = "audit_purpose"


class ReadOnlyAdmin(admin.ModelAdmin):
    """Shows, and changes nothing."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class TrackedAdmin(admin.ModelAdmin):
    """Edits rows that stand on the ledger: each change goes there with the row, in the journal's transaction."""

    @method_decorator(csrf_protect)
    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        # Not in a transaction of the page's own: the journal writes on another connection.
        response: HttpResponse = self._changeform_view(request, object_id, form_url, extra_context)  # type: ignore[attr-defined]
        return response

    @method_decorator(csrf_protect)
    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        response: HttpResponse = self._delete_view(request, object_id, extra_context)  # type: ignore[attr-defined]
        return response

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        verb = "changed" if change else "added"
        tracking.keep(obj, text=f"{obj._meta.model_name} was {verb}", actor=request.user.get_username())

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        tracking.drop(obj, text=f"{obj._meta.model_name} was deleted", actor=request.user.get_username())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        rows: list[Tracked] = list(queryset)
        tracking.drop(*rows, text=f"{queryset.model._meta.model_name} was deleted", actor=request.user.get_username())


def purpose(request: HttpRequest) -> str:
    """Return why this session looks at the record, empty when it has not said so."""
    return str(request.session.get(PURPOSE, ""))


def ask_purpose(request: HttpRequest, target: str = "") -> HttpResponse:
    """Return the way to the page that asks why, and from there to `target`, a path; without one back here."""
    return HttpResponseRedirect(
        f"{reverse('admin:audit_purpose')}?{urlencode({'next': target or request.get_full_path()})}"
    )


def must(request: HttpRequest, *permissions: str) -> None:
    """Raise PermissionDenied unless the user has one of the app's permissions."""
    if not any(request.user.has_perm(f"audit.{name}") for name in permissions):
        raise PermissionDenied


def conversation_named(row: Conversation, reads: bool) -> str:
    """Return what to call a conversation: its title (the beginning of a question) for who may read what was said, for
    others a part of its number; and whose it is."""
    title = (row.title if reads else "") or str(row.pk)[:8]
    return f"{title} · {row.subject}"


def plain(model: type[Model], name: str) -> Callable[[Any, Any], str]:
    """Return a column of a page for a field whose numbers name something and are looked for: without separators."""

    words = getattr(model._meta.get_field(name), "verbose_name", name)

    @admin.display(description=words, ordering=name)
    def column(self: Any, obj: Any) -> str:
        number = str(getattr(obj, name))
        # A sign stands before its number in every language.
        return format_html('<bdi dir="ltr">{}</bdi>', number) if number.startswith("-") else number

    return column


View = Callable[..., HttpResponse]


def told(view: View) -> View:
    """Turn errors of the record into messages on the page that the user came from."""

    @wraps(view)
    def wrapped(self: Any, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(self, request, *args, **kwargs)
        except AuditError as error:
            messages.error(request, _("This could not be done: %(why)s.") % {"why": in_words(str(error))})
            back = request.headers.get("Referer", "")
            same = back.startswith(f"{request.scheme}://{request.get_host()}/") and request.method == "POST"
            return HttpResponseRedirect(back if same else reverse("admin:index"))

    return wrapped


def conversation_link(row: Conversation, reads: bool) -> str:
    """Return a link to the page of a conversation for who may read what was said, for others its name alone."""
    named = format_html('<bdi dir="auto">{}</bdi>', conversation_named(row, reads))
    address = reverse("admin:audit_conversation_change", args=[row.pk])
    return format_html('<a href="{}">{}</a>', address, named) if reads else named


class LookedAt(ReadOnlyAdmin):
    """Pages that show what somebody said: they open once a purpose was stated, and that they did is logged before."""

    def logged(self, found: Any) -> dict[str, Any]:
        """Return what the log says of a look at this row."""
        raise NotImplementedError

    def shown(self, request: HttpRequest, found: Any) -> dict[str, Any]:
        """Return what the template of the page needs."""
        raise NotImplementedError

    @told
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        must(request, "read_record")
        if not purpose(request):
            return ask_purpose(request)
        found = self.get_object(request, object_id)
        context: dict[str, Any] = {}
        if found is not None:
            access.log_access(request.user.get_username(), "viewed", purpose(request), **self.logged(found))
            context = self.shown(request, found)
        return super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})
