"""Who is at the other end of a connection."""

from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from channels.auth import AuthMiddleware
from channels.sessions import CookieMiddleware
from django.conf import settings
from django.http.request import HttpRequest, validate_host

from routing_ai import services as routing
from streaming.asgi import Receive, Scope, Send

# What is told to whoever sends a key that is none, or none any more.
WRONG_KEY = "This API key does not count: make one with ./aura createkey NAME."


class SignedIn:
    """An ASGI application around another, which finds the browser's session and its user in the scope.

    Channels' own for that looks at every message on its way out whether the session is to be saved. Nothing behind this one
    changes a session, and an answer has many messages.
    """

    def __init__(self, application: Any) -> None:
        self._application = AuthMiddleware(application)
        self._with_cookies = CookieMiddleware(self._with_session)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._with_cookies(scope, receive, send)

    async def _with_session(self, scope: Scope, receive: Receive, send: Send) -> None:
        store = import_module(settings.SESSION_ENGINE).SessionStore
        session = store(scope["cookies"].get(settings.SESSION_COOKIE_NAME))
        await self._application({**scope, "session": session}, receive, send)


async def user_of(scope: dict[str, Any], *, narrowed: bool = False) -> Any | None:
    """Return the active user of an ASGI scope: by API key (`Authorization: Bearer`), else by the browser's session.

    A key that is narrowed counts only where `narrowed` says that its limits are looked at.
    """
    authorization = _header(scope, b"authorization")
    if authorization.lower().startswith("bearer "):
        by_key = await routing.verify_key(authorization[7:].strip())
        return by_key if by_key is None or narrowed or not by_key.credential.narrowed else None
    user = scope.get("user")
    if user is None or not user.is_authenticated or not user.is_active:
        return None
    # By what the user was let in, for `streaming.standing`.
    user.session_key = getattr(scope.get("session"), "session_key", None)
    return user


async def user_of_request(request: HttpRequest) -> Any | None:
    """Return the active user of an HTTP request, as `user_of` does for a connection."""
    user = await request.auser()
    headers = [(b"authorization", request.headers.get("Authorization", "").encode("latin-1", "ignore"))]
    return await user_of({"headers": headers, "user": user, "session": request.session})


def origin_allowed(scope: dict[str, Any]) -> bool:
    """Return whether the page that opened the connection is AURA's own.

    A browser always sends Origin with a WebSocket; a client that sends none is no browser, and has no cookies that a
    foreign page could misuse.
    """
    origin = _header(scope, b"origin")
    if not origin:
        return True
    if origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    address = urlsplit(origin)
    if settings.SESSION_COOKIE_SECURE and address.scheme != "https":
        return False
    return address.netloc == _header(scope, b"host") and validate_host(address.hostname or "", settings.ALLOWED_HOSTS)


def _header(scope: dict[str, Any], name: bytes) -> str:
    for key, value in scope.get("headers", []):
        if key == name:
            return str(value.decode("latin-1"))
    return ""
