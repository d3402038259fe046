"""The dashboard: a page for staff, and the figures that it draws."""

from dataclasses import asdict
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from aura_site.monitoring import figures
from streaming.strings import unit_strings


@login_required
@require_GET
def dashboard(request: HttpRequest) -> HttpResponse:
    """Return the page at `/dashboard/`. Raises PermissionDenied for who is no staff."""
    if not request.user.is_staff:
        raise PermissionDenied
    return render(request, "aura_site/dashboard.html", {"strings": strings()})


@never_cache
@require_GET
async def dashboard_figures(request: HttpRequest) -> JsonResponse:
    """Return the figures of the process that answers, to staff by session or key."""
    user = await request.auser()
    if not (user.is_active and user.is_staff):
        error = {"code": "not_allowed", "message": "Sign in as staff."}
        return JsonResponse({"error": error}, status=403 if user.is_authenticated else 401)
    found: dict[str, Any] = await figures.snapshot()
    totals = {model: asdict(total) for model, total in found["totals"].items()}
    return JsonResponse({**found, "totals": totals})


def strings() -> dict[str, str]:
    """Return the texts by the names that `static/aura/dashboard/` uses. `{name}` stands for a value."""
    return {
        "everybody": _("everybody"),
        "well": _("All parts work"),
        "unwell": _("Not well: {parts}"),
        "draining": _("This process is being stopped: it sends its clients elsewhere"),
        "unread": _("The figures could not be read. The next try is in 2 seconds."),
        "gone": _("Sign in again to see the figures."),
        "process": _("Process {process}, for {time}"),
        "of": _("{used} of {limit}"),
        **unit_strings(),
        "comma": _(", "),
        "method_raw": _("raw"),
        "method_template": _("template"),
        "method_brotli": _("Brotli"),
        "method_model": _("model"),
        "saved": _("{amount} saved"),
        "database": _("Database"),
        "disk": _("Disk"),
        "channel_layer": _("Channel layer"),
        "worker": _("Worker"),
        "model": _("Model"),
        "ok": _("well"),
        "bad": _("not well"),
        "median": _("median"),
        "slow": _("95 of 100"),
        "tokens": _("tokens"),
        "answers": _("answers"),
        "sessions": _("sessions"),
        "record": _("record"),
        "tasks": _("tasks"),
        "datasets": _("datasets"),
        "lag": _("lag"),
        "normal": _("normal"),
        "firstSay": _("Time to the first token, at most {first} ms in the middle and {second} ms for the slowest"),
        "tokensSay": _("Tokens a second, at most {first}"),
        "openSay": _("At most {first} sessions and {second} answers"),
        "queuesSay": _("At most {first} entries and {second} tasks waiting"),
        "lagSay": _("The event loop ran late by at most {first} ms"),
    }
