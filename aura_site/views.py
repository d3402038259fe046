"""Health, and the pages around an account."""

import secrets
from base64 import b32encode
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import login, views
from django.contrib.auth.forms import AuthenticationForm, SetPasswordForm
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse, reverse_lazy
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views import csrf
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods
from django.views.defaults import page_not_found
from django_otp import login as otp_login

from audit.errors import AuditError
from aura_site import privacy as privacy_facts
from aura_site import second_factor, selectors, services
from aura_site.forms import CodeForm
from aura_site.models import OneTimePassword
from aura_site.openapi import document

BACKEND = "django.contrib.auth.backends.ModelBackend"


@require_GET
async def live(_request: HttpRequest) -> JsonResponse:
    """Return 200 as long as the process answers at all."""
    return JsonResponse({"live": True})


@require_GET
async def description(_request: HttpRequest) -> HttpResponse:
    """Return what programs may ask of AURA, as OpenAPI 3.1; for everybody, like the documentation."""
    return HttpResponse(document.written(), content_type="application/json")


# Where programs ask, who read errors as JSON.
_FOR_PROGRAMS = ("/api/", "/ai/", "/deep_tree_echo/", "/health", "/ws/")
_NO_UPGRADE = (
    "This path is a WebSocket. A proxy in between has to pass Upgrade and Connection on: ./aura nginx shows how."
)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer for a path that leads nowhere: programs with JSON, people with a page."""
    if not request.path.startswith(_FOR_PROGRAMS):
        return page_not_found(request, exception)
    if request.path.startswith("/ws/"):
        upgrade = _refused("malformed", _NO_UPGRADE, 426)
        upgrade["Upgrade"] = "websocket"
        return upgrade
    return _refused("unknown_stream", "There is nothing at this path: docs/reference/endpoints.md has all.", 404)


def not_allowed(request: HttpRequest, methods: str) -> HttpResponse:
    """Answer for a path that takes other methods than the request's."""
    if request.path.startswith(_FOR_PROGRAMS):
        response: HttpResponse = _refused("malformed", f"Ask {request.path} with {methods}.", 405)
    else:
        response = render(request, "405.html", status=405)
    response["Allow"] = methods
    return response


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    """Refuse what comes with neither an API key nor a form's token: who is not signed in lacks a key, not a token."""
    if not request.path.startswith(_FOR_PROGRAMS):
        return csrf.csrf_failure(request, reason)
    if request.user.is_authenticated:
        return _refused("not_allowed", "Send the page's CSRF token, or an API key as a bearer token.", 403)
    response = _refused("not_allowed", "Sign in, or send an API key as a bearer token.", 401)
    response["WWW-Authenticate"] = "Bearer"
    return response


def _refused(code: str, message: str, status: int) -> JsonResponse:
    return JsonResponse({"error": {"code": code, "message": message}}, status=status)


@never_cache
@require_GET
async def ready(request: HttpRequest) -> JsonResponse:
    """Return 200 when every part works, else 503, with each part's state; who runs AURA also gets the reasons, which
    may hold internal addresses. `?without=worker` leaves a part out: whether this process can serve does not hang on it."""
    without = request.GET.get("without", "").split(",")
    checks = {name: check for name, check in (await selectors.readiness()).items() if name not in without}
    fine = all(check["ok"] for check in checks.values())
    if not await _is_operator(request):
        checks = {name: {"ok": check["ok"]} for name, check in checks.items()}
    return JsonResponse({"live": True, "ready": fine, "checks": checks}, status=200 if fine else 503)


async def _is_operator(request: HttpRequest) -> bool:
    """Return whether staff asks, by session or key, or `./aura` on this machine, by the token that `bootstrap` made."""
    token = request.headers.get("AURA-Operator", "")
    if token:
        return secrets.compare_digest(token.encode(), settings.OPERATOR_TOKEN.encode())
    try:
        user = await request.auser()
    except DatabaseError:
        return False
    return bool(user.is_active and user.is_staff)


@require_GET
def privacy(request: HttpRequest) -> HttpResponse:
    """Return the page that says what is kept of what people say here, and who is given it."""
    shown = {"note": settings.AURA_PRIVACY_NOTE, **privacy_facts.facts()}
    return render(request, "aura_site/privacy.html", shown)


# Days for which what security.txt says is good: it is made anew each time, and half a year is what RFC 9116 has in mind.
SECURITY_TXT_DAYS = 180


@require_GET
def security_txt(_request: HttpRequest) -> HttpResponse:
    """Return whom to tell of a weakness of this installation (RFC 9116); 404 where the operator names nobody."""
    contact = settings.AURA_SECURITY_CONTACT
    if not contact:
        raise Http404
    until = timezone.now() + timedelta(days=SECURITY_TXT_DAYS)
    lines = [f"Contact: {contact}", f"Expires: {until:%Y-%m-%dT00:00:00Z}", "Preferred-Languages: en, ar"]
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")


class SignIn(views.LoginView):
    """The sign-in page. Guessing is counted by django-axes (see `locked_out`)."""

    template_name = "aura_site/sign_in.html"
    redirect_authenticated_user = True

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if services.guesses_too_much(request):
            return locked_out(request)
        response: HttpResponse = super().post(request, *args, **kwargs)
        return response

    def form_valid(self, form: Any) -> HttpResponse:
        return _sign_in(self.request, form.get_user(), self.get_success_url(), by_password=True)


def _sign_in(request: HttpRequest, user: Any, destination: str, *, by_password: bool = False) -> HttpResponse:
    """Sign a user in whose password or link was right, or ask for the code that is needed besides."""
    if second_factor.needed(user):
        second_factor.begin(request, user, destination)
        return HttpResponseRedirect(reverse("second-factor"))
    return _signed_in(request, user, destination, by_password=by_password)


def _signed_in(request: HttpRequest, user: Any, destination: str, *, by_password: bool) -> HttpResponse:
    login(request, user, backend=BACKEND)
    if by_password and OneTimePassword.objects.filter(user=user).exists():
        request.session["one_time_password"] = True
    return HttpResponseRedirect(destination)


def locked_out(request: HttpRequest, _credentials: Any = None, *_args: Any, **_kwargs: Any) -> HttpResponse:
    """Return the page for who has given too many wrong passwords; django-axes calls this."""
    context = {"form": AuthenticationForm(request), "locked": True}
    response = render(request, "aura_site/sign_in.html", context, status=429)
    response["Retry-After"] = str(int(settings.AXES_COOLOFF_TIME.total_seconds()))
    return response


@never_cache
def admin_sign_in(request: HttpRequest) -> HttpResponse:
    """Lead to the one sign-in page; the admin's own would have no second factor.

    Raises PermissionDenied for who is signed in, but no staff.
    """
    if request.user.is_authenticated:
        if not request.user.is_staff:
            raise PermissionDenied
        return HttpResponseRedirect(reverse("admin:index"))
    query = urlencode({"next": request.GET.get("next") or reverse("admin:index")})
    return HttpResponseRedirect(f"{reverse('sign-in')}?{query}")


@never_cache
@require_http_methods(["GET", "POST"])
def second_factor_page(request: HttpRequest) -> HttpResponse:
    """Ask for the code that follows the password; the first time, set it up. Who gave it may have new recovery codes."""
    found = second_factor.pending(request)
    if found is None:
        if second_factor.given(request):
            return _recovery_codes(request)
        late = second_factor.late(request)
        second_factor.over(request)
        return HttpResponseRedirect(reverse("sign-in") + ("?late" if late else ""))
    if not second_factor.enrolled(found.user):
        return _set_up(request, found)
    form = CodeForm(request.POST or None)
    if form.is_valid():
        device = second_factor.check(found.user, form.cleaned_data["code"])
        if device is not None:
            return _with_second_factor(request, found, device)
        form.add_error("code", _wrong_code())
    return render(request, "aura_site/second_factor.html", {"form": form})


def _set_up(request: HttpRequest, found: second_factor.Pending) -> HttpResponse:
    """Show the secret to who has no second factor yet; for the first code of the app, recovery codes."""
    form = CodeForm(request.POST or None)
    draft = second_factor.draft(found.user)
    if form.is_valid():
        try:
            codes = second_factor.confirm(draft, form.cleaned_data["code"])
        except AuditError:
            form.add_error(
                None, _("The record cannot be written now, so the second factor is not set up yet: try again soon.")
            )
        else:
            if codes is not None:
                signed_in = _with_second_factor(request, found, draft)
                shown = {"codes": codes, "destination": signed_in["Location"]}
                return render(request, "aura_site/recovery_codes.html", shown)
            form.add_error("code", _wrong_code())
    secret = b32encode(draft.bin_key).decode()
    context = {"form": form, "secret": secret, "link": draft.config_url, "picture": second_factor.picture(draft)}
    return render(request, "aura_site/second_factor.html", context)


def _recovery_codes(request: HttpRequest) -> HttpResponse:
    """Give new recovery codes for a code of the app: a browser that was left open is not enough to take them."""
    form = CodeForm(request.POST or None)
    if form.is_valid():
        if second_factor.check_app(request.user, form.cleaned_data["code"]):
            try:
                codes = second_factor.renew(request.user)
            except AuditError:
                form.add_error(
                    None, _("The record cannot be written now, so the old codes still count: try again soon.")
                )
            else:
                context = {"codes": codes, "renewed": True, "destination": reverse("admin:index")}
                return render(request, "aura_site/recovery_codes.html", context)
        else:
            form.add_error("code", _wrong_code())
    context = {"form": form, "renewing": True, "left": second_factor.codes_left(request.user)}
    return render(request, "aura_site/second_factor.html", context)


def _wrong_code() -> str:
    """Return what may be wrong with a code; django-otp has the next one wait, longer each time, and does not say which."""
    return _(
        "This code does not count. Wait a few seconds and give the one that the app shows then: each counts once. "
        "If none does, see that the phone's clock is right."
    )


def _with_second_factor(request: HttpRequest, found: second_factor.Pending, device: Any) -> HttpResponse:
    second_factor.over(request)
    response = _signed_in(request, found.user, found.destination, by_password=True)
    otp_login(request, device)
    return response


@never_cache
@require_GET
def sign_in_link(request: HttpRequest, token: str) -> HttpResponse:
    """Sign the user of a one-time link in and lead to the chat; explain a link that no longer counts."""
    user = services.use_sign_in_link(token)
    if user is None:
        return render(request, "aura_site/link_over.html", status=410)
    return _sign_in(request, user, "/")


class PasswordChange(views.PasswordChangeView):
    """Replaces a password. Who came by a one-time password or link does not have to know the old one."""

    template_name = "aura_site/password_change.html"
    success_url = reverse_lazy("streaming:chat")

    def get_form_class(self) -> type[Any]:
        fresh = OneTimePassword.objects.filter(user=self.request.user).exists()  # type: ignore[misc]
        return SetPasswordForm if fresh else super().get_form_class()

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        OneTimePassword.objects.filter(user=self.request.user).delete()  # type: ignore[misc]
        self.request.session.pop("one_time_password", None)
        return response
