"""What an ASGI application is called with (https://asgi.readthedocs.io/en/latest/specs/main.html)."""

from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import Any

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

_OVER = "aura.over"


class Over:
    """An ASGI application around another that does, when a request is over, whatever `when_over` was told.

    The body of an answer that is never begun is never closed: a client may leave behind the view, before the first piece is
    asked for, and what the body would have let go of has nobody else who does.
    """

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with ExitStack() as over:
            await self.application({**scope, _OVER: over}, receive, send)


def when_over(scope: Scope, action: Callable[[], object]) -> None:
    """Have something done when the request of that scope is over, however it ends; not at all outside of `Over`."""
    over = scope.get(_OVER)
    if over is not None:
        over.callback(action)
