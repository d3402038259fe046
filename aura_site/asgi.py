"""The ASGI application: static files, Django, and the WebSockets, under one lifespan."""

import os
import sys
from pathlib import Path
from typing import Any

from django.core.asgi import get_asgi_application
from django.core.exceptions import ImproperlyConfigured

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aura_site.settings")
try:
    django_application = get_asgi_application()
except ImproperlyConfigured as error:
    # One sentence for a person, without a traceback before it.
    sys.exit(str(error))

import django.contrib.admin
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.urls import re_path

from aura_site.bodies import Bodies
from aura_site.headers import Cautious
from aura_site.lifespan import Lifespan
from aura_site.monitoring import endpoint as metrics
from aura_site.monitoring.requests import Requests
from aura_site.static_files import StaticFiles
from streaming.asgi import Over
from streaming.identity import SignedIn
from streaming.routing import http_urlpatterns, websocket_urlpatterns
from streaming.transports import openai

# Seconds a browser may keep a static file without asking again.
STATIC_MAX_AGE = 60

http = StaticFiles(django_application, max_age=STATIC_MAX_AGE, autorefresh=settings.DEBUG, pack=True)
http.add_files(str(settings.BASE_DIR / "static"), prefix="static/")
http.add_files(str(Path(django.contrib.admin.__file__).parent / "static"), prefix="static/")

# What streams in both directions at once stands beside Django, all else behind it.
behind: Any = Bodies(Over(http), settings.STREAMING_REQUEST_LIMIT)
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
        ProtocolTypeRouter({"http": Cautious(by_path), "websocket": SignedIn(URLRouter(websocket_urlpatterns))}),
    ),
    last=http.close,
)
