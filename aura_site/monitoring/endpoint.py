"""`GET /metrics`: an ASGI application beside Django's.

It answers by any host name (Prometheus asks processes by their addresses) and needs no database. It knows two kinds of
callers: who shows the operator's token, and who comes directly, not through a proxy, from an address of AURA_METRICS_ALLOW.
"""

import asyncio
import ipaddress
import secrets
from typing import Any

from django.conf import settings

from aura_site.monitoring import exposition, figures
from streaming.asgi import Scope, Send

PATH = "/metrics"
_FORWARDED = (b"x-forwarded-for", b"forwarded", b"x-real-ip")


async def application(scope: Scope, _receive: Any, send: Send) -> None:
    """Answer one request."""
    if scope["method"] not in ("GET", "HEAD"):
        await _answer(send, 405, b"Ask with GET.\n", allow=b"GET, HEAD")
    elif not allowed(scope):
        words = b"Send the operator's token (AURA_DATA_DIR/keys/operator_token) as a bearer token.\n"
        await _answer(send, 401, words, www_authenticate=b"Bearer")
    else:
        found = await figures.snapshot()
        body = await asyncio.to_thread(exposition.render, found)
        await _answer(send, 200, body, kind=exposition.CONTENT_TYPE.encode(), empty=scope["method"] == "HEAD")


def allowed(scope: Scope) -> bool:
    """Return whether the caller may read the metrics."""
    headers = {name.lower(): value for name, value in scope.get("headers", [])}
    given = headers.get(b"aura-operator", b"")
    authorization = headers.get(b"authorization", b"")
    if authorization[:7].lower() == b"bearer ":
        given = authorization[7:].strip()
    token = settings.OPERATOR_TOKEN.encode()
    if given:
        return bool(token) and secrets.compare_digest(given, token)
    # A proxy's address says nothing of who asked it.
    if any(name in headers for name in _FORWARDED):
        return False
    try:
        address = ipaddress.ip_address((scope.get("client") or ("",))[0])
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in network for network in settings.METRICS_NETWORKS)


async def _answer(
    send: Send,
    status: int,
    body: bytes,
    *,
    kind: bytes = b"text/plain; charset=utf-8",
    empty: bool = False,
    **more: bytes,
) -> None:
    headers = [
        (b"content-type", kind),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        *((name.replace("_", "-").encode(), value) for name, value in more.items()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if empty else body})
