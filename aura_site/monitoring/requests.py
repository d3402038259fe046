"""An id for every request and connection: in its logs, its trace, and the header `X-Request-ID` of its answer."""

import logging
import re
import time
import uuid
from functools import partial
from typing import Any

from django.conf import settings

from aura_site.monitoring import traces
from aura_site.monitoring.logs import REQUESTS, request_id
from streaming import origin
from streaming.asgi import Receive, Scope, Send

log = logging.getLogger(REQUESTS)

HEADER = b"x-request-id"
origin.carriers.append(lambda: partial(request_id.set, request_id.get()))
# What is taken over from a caller or proxy: anything else could forge lines of a log.
_PLAUSIBLE = re.compile(rb"[A-Za-z0-9._-]{8,64}")


class Requests:
    """An ASGI application around another. Paths are logged (AURA_LOG_REQUESTS), queries never: they hold questions."""

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.application(scope, receive, send)
            return
        name = identify(scope)
        token = request_id.set(name)
        begun = time.monotonic()
        status = 0

        async def telling(message: dict[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message.get("headers", []), (HEADER, name.encode())]}
            elif message["type"] == "websocket.accept":
                status = 101
                message = {**message, "headers": [*message.get("headers", []), (HEADER, name.encode())]}
            await send(message)

        try:
            with traces.request(scope, name) as span:
                await self.application(scope, receive, telling)
                span.status(status)
        finally:
            if settings.AURA_LOG_REQUESTS:
                _log(scope, status, time.monotonic() - begun)
            request_id.reset(token)


def identify(scope: Scope) -> str:
    """Return the id that the request brings, when it is one, else a new one."""
    for name, value in scope.get("headers", []):
        if name == HEADER and _PLAUSIBLE.fullmatch(value):
            return str(value.decode())
    return uuid.uuid4().hex


def _log(scope: Scope, status: int, seconds: float) -> None:
    method = scope.get("method", "WS")
    path = scope["path"].encode("unicode_escape").decode()[:300]
    milliseconds = round(seconds * 1000, 1)
    more = {"method": method, "path": path, "status": status, "duration_ms": milliseconds}
    log.info("%s %s %d %.1f ms", method, path, status, milliseconds, extra=more)
