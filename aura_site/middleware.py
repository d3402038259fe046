"""Middleware: API keys for HTTP, the second factor of staff, a new password before anything else, and wrong methods."""

from collections.abc import Awaitable, Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import logout
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponseBase, HttpResponseNotAllowed, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django_otp import DEVICE_ID_SESSION_KEY

from aura_site import views
from aura_site.models import OneTimePassword
from routing_ai import services as routing
from streaming import identity

Next = Callable[[HttpRequest], Any]
# What is answered without a look into the session.
COOKIELESS = ("/health", "/api/compression/", "/docs/")


def bearer_keys(get_response: Next) -> Callable[[HttpRequest], Awaitable[HttpResponseBase]]:
    """Let `Authorization: Bearer KEY` stand for the key's user. Such requests carry no cookie, so need no CSRF token."""

    async def middleware(request: HttpRequest) -> HttpResponseBase:
        authorization = request.headers.get("Authorization", "")
        if authorization[:7].lower() != "bearer ":
            return await get_response(request)
        if request.path.startswith("/admin/"):
            message = "API keys are for programs: sign in with a browser to use the admin."
            return JsonResponse({"error": {"code": "not_allowed", "message": message}}, status=403)
        try:
            user = await routing.verify_key(authorization[7:].strip())
        except DatabaseError:
            message = "The database does not answer: try again soon, or tell the operator."
            return JsonResponse({"error": {"code": "internal", "message": message}}, status=503)
        if user is None:
            message = identity.WRONG_KEY
            return JsonResponse({"error": {"code": "not_allowed", "message": message}}, status=401)
        if user.credential.narrowed:
            message = "This API key is narrowed, so it is good for /v1 alone: take one that may do what its user may."
            return JsonResponse({"error": {"code": "not_allowed", "message": message}}, status=403)

        async def the_user() -> Any:
            return user

        request.user = user
        request.auser = the_user
        request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]
        return await get_response(request)

    return middleware


bearer_keys.async_capable = True  # type: ignore[attr-defined]
bearer_keys.sync_capable = False  # type: ignore[attr-defined]


class SecondFactorFirst:
    """Ends sessions of staff that were opened without the second factor: before it was asked for, or they were staff."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if settings.AURA_MULTI_FACTOR and self._lacks(request):
            logout(request)
        response: HttpResponseBase = self.get_response(request)
        return response

    def _lacks(self, request: HttpRequest) -> bool:
        if request.path.startswith("/health") or "Authorization" in request.headers:
            return False
        user = request.user
        return bool(user.is_authenticated and user.is_staff and not request.session.get(DEVICE_ID_SESSION_KEY))


class NewPasswordFirst:
    """Leads a user with a one-time password to the page that replaces it, when that password opened the session."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response: HttpResponseBase = self._redirect(request) or self.get_response(request)
        return response

    def _redirect(self, request: HttpRequest) -> HttpResponseBase | None:
        # Looking into a session asks the database; health must answer without one. And an answer that hangs on a cookie is
        # none for a shared cache.
        if request.path.startswith(COOKIELESS) or not request.session.get("one_time_password"):
            return None
        allowed = (reverse("password-change"), reverse("sign-out"), "/static/", "/i18n/")
        if request.path.startswith(allowed):
            return None
        if not OneTimePassword.objects.filter(user_id=request.user.pk or 0).exists():
            del request.session["one_time_password"]
            return None
        return HttpResponseRedirect(reverse("password-change"))


class MethodsTold:
    """Says which methods a path takes; of Django's own answer the body is empty, which in a browser is a blank page."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response: HttpResponseBase = self.get_response(request)
        if isinstance(response, HttpResponseNotAllowed) and not response.content:
            return views.not_allowed(request, response["Allow"])
        return response
