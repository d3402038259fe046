"""Bodies of requests: how large they may be and how long they may take, before anybody has asked who sends them.

Django keeps a whole body, in a file when it is large, before a view sees any of it, and waits for it as long as it takes.
"""

import asyncio
import json
import time
from typing import Any

from streaming.asgi import Receive, Scope, Send

# Seconds from the head of a request to the end of its body; 8 MB in that time are 1.1 Mbit/s.
PATIENCE = 60.0


class Bodies:
    """An ASGI application around another, for HTTP alone. Who sends more than `limit` bytes (None: the application looks
    after that itself), or takes longer than `patience` seconds, is told so and let go; to the application he has left."""

    def __init__(self, application: Any, limit: int | None, patience: float = PATIENCE) -> None:
        self.application, self.limit, self.patience = application, limit, patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        end = time.monotonic() + self.patience
        size = 0
        whole = begun = refused = False

        async def bounded() -> dict[str, Any]:
            nonlocal size, whole
            if refused:
                return {"type": "http.disconnect"}
            if whole:
                return await receive()
            try:
                async with asyncio.timeout(end - time.monotonic()):
                    message = await receive()
            except TimeoutError:
                return await refuse(408, "timeout", f"A request has to come within {self.patience:g} s.")
            size += len(message.get("body", b""))
            whole = not message.get("more_body")
            if self.limit is not None and size > self.limit:
                return await refuse(413, "too_large", f"A request has at most {self.limit} bytes.")
            return message

        async def refuse(status: int, code: str, words: str) -> dict[str, Any]:
            nonlocal refused
            refused = True
            if not begun:
                body = json.dumps({"error": {"code": code, "message": words}}).encode()
                # The rest of the body is not waited for, so nothing can follow on this line.
                headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
                headers += [(b"connection", b"close")]
                await send({"type": "http.response.start", "status": status, "headers": headers})
                await send({"type": "http.response.body", "body": body})
            return {"type": "http.disconnect"}

        async def telling(message: dict[str, Any]) -> None:
            nonlocal begun
            begun = True
            if not refused:
                await send(message)

        await self.application(scope, bounded, telling)
