"""Paths that are not Django's: WebSockets, and answers that begin while the request still comes."""

from collections.abc import Awaitable, Callable
from typing import Any

from django.urls import path, re_path

from streaming.identity import SignedIn
from streaming.jobs.endpoint import InputApplication, applications
from streaming.transports.audio import AudioConsumer
from streaming.transports.websocket import ChatConsumer


async def nowhere(
    _scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[dict[str, Any]], Awaitable[None]]
) -> None:
    """Refuse a WebSocket to a path that leads nowhere, instead of failing over it: anybody may ask."""
    await receive()
    await send({"type": "websocket.close"})


# One protocol on both: a client that only listens to topics says so by where it connects.
websocket_urlpatterns = [
    path("ws/chat/", ChatConsumer.as_asgi()),
    path("ws/events/", ChatConsumer.as_asgi()),
    path("ws/audio/<str:session_id>/", AudioConsumer.as_asgi()),
    re_path("", nowhere),  # type: ignore[arg-type]  # Channels wants an application here, not a view
]
http_urlpatterns = [
    path(f"deep_tree_echo/{name}", SignedIn(application))  # type: ignore[arg-type]  # as above
    for name, application in {**applications, "jobs/<str:job>/input": InputApplication()}.items()
]
