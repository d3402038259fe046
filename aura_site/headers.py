"""What every answer over HTTP says unless it says otherwise, whichever application gave it."""

from http import HTTPStatus
from typing import Any

from streaming.asgi import Receive, Scope, Send

DEFAULTS = (
    # What somebody read is not shown to the next one at the same machine, nor kept by a cache (RFC 9111, 5.2.2.5).
    (b"cache-control", b"no-store"),
    # A browser takes it for what it is called (https://fetch.spec.whatwg.org/#x-content-type-options-header).
    (b"x-content-type-options", b"nosniff"),
)


class Cautious:
    """An ASGI application around another, for HTTP alone, that adds those of DEFAULTS that an answer lacks."""

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def adding(message: dict[str, Any]) -> None:
            # 304 repeats what was said with the body, or leaves it as it was (RFC 9110, 15.4.5).
            if message["type"] == "http.response.start" and message["status"] != HTTPStatus.NOT_MODIFIED:
                headers = list(message.get("headers", []))
                there = {name.lower() for name, _ in headers}
                headers += [(name, value) for name, value in DEFAULTS if name not in there]
                message = {**message, "headers": headers}
            await send(message)

        await self.application(scope, receive, adding)
