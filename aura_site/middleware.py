"""Middleware: API keys for HTTP, and a new password before anything else."""

from collections.abc import Awaitable, Callable
from typing import Any

from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect, JsonResponse
from django.urls import reverse

from aura_site.models import OneTimePassword
from routing_ai import services as routing

Next = Callable[[HttpRequest], Any]


def bearer_keys(get_response: Next) -> Callable[[HttpRequest], Awaitable[HttpResponseBase]]:
    """Let `Authorization: Bearer KEY` stand for the key's user. Such requests carry no cookie, so need no CSRF token."""

    async def middleware(request: HttpRequest) -> HttpResponseBase:
        authorization = request.headers.get("Authorization", "")
        if authorization[:7].lower() != "bearer ":
            return await get_response(request)
        user = await routing.verify_key(authorization[7:].strip())
        if user is None:
            message = "This API key does not count: make one with ./aura createkey NAME."
            return JsonResponse({"error": {"code": "not_allowed", "message": message}}, status=401)

        async def the_user() -> Any:
            return user

        request.user = user
        request.auser = the_user
        request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]
        return await get_response(request)

    return middleware


bearer_keys.async_capable = True  # type: ignore[attr-defined]
bearer_keys.sync_capable = False  # type: ignore[attr-defined]


class NewPasswordFirst:
    """Leads a user with a one-time password to the page that replaces it, when that password opened the session."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response: HttpResponseBase = self._redirect(request) or self.get_response(request)
        return response

    def _redirect(self, request: HttpRequest) -> HttpResponseBase | None:
        if not request.session.get("one_time_password"):
            return None
        allowed = (reverse("password-change"), reverse("sign-out"), "/static/", "/i18n/")
        if request.path.startswith(allowed):
            return None
        if not OneTimePassword.objects.filter(user_id=request.user.pk or 0).exists():
            del request.session["one_time_password"]
            return None
        return HttpResponseRedirect(reverse("password-change"))
