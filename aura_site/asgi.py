"""The ASGI application: static files, Django, and the WebSockets, under one lifespan."""

import os
from pathlib import Path
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aura_site.settings")
django_application = get_asgi_application()

import django.contrib.admin  # noqa: E402
from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.conf import settings  # noqa: E402
from django.urls import re_path  # noqa: E402

from aura_site.bodies import Bodies  # noqa: E402
from aura_site.headers import Cautious  # noqa: E402
from aura_site.lifespan import Lifespan  # noqa: E402
from aura_site.monitoring import endpoint as metrics  # noqa: E402
from aura_site.monitoring.requests import Requests  # noqa: E402
from aura_site.static_files import StaticFiles  # noqa: E402
from streaming.routing import http_urlpatterns, websocket_urlpatterns  # noqa: E402
from streaming.transports import openai  # noqa: E402

# Seconds a browser may keep a static file without asking again.
STATIC_MAX_AGE = 60

http = StaticFiles(django_application, max_age=STATIC_MAX_AGE, autorefresh=settings.DEBUG, pack=True)
http.add_files(str(settings.BASE_DIR / "static"), prefix="static/")
http.add_files(str(Path(django.contrib.admin.__file__).parent / "static"), prefix="static/")

# What streams in both directions at once stands beside Django, all else behind it.
behind: Any = Bodies(http, settings.STREAMING_REQUEST_LIMIT)
web = URLRouter([*http_urlpatterns, re_path("", behind)])
programs = Bodies(openai.application, None)


async def by_path(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Programs that speak OpenAI's API, and Prometheus, do not need what browsers need, and do not wait for it."""
    if f"{scope['path']}/".startswith(f"{openai.PREFIX}/"):
        await programs(scope, receive, send)
    elif scope["path"] == metrics.PATH:
        await metrics.application(scope, receive, send)
    else:
        await web(scope, receive, send)


application = Lifespan(
    Requests(
        ProtocolTypeRouter(
            {"http": Cautious(by_path), "websocket": AuthMiddlewareStack(URLRouter(websocket_urlpatterns))}
        )
    )
)
