"""The ASGI application: static files, Django, and the WebSockets, under one lifespan."""

import os
from pathlib import Path

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aura_site.settings")
django_application = get_asgi_application()

import django.contrib.admin  # noqa: E402
from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.conf import settings  # noqa: E402
from servestatic import ServeStaticASGI  # noqa: E402

from aura_site.lifespan import Lifespan  # noqa: E402
from streaming.routing import websocket_urlpatterns  # noqa: E402

# Seconds a browser may keep a static file without asking again.
STATIC_MAX_AGE = 60

http = ServeStaticASGI(django_application, max_age=STATIC_MAX_AGE, autorefresh=settings.DEBUG)
http.add_files(str(settings.BASE_DIR / "static"), prefix="static/")
http.add_files(str(Path(django.contrib.admin.__file__).parent / "static"), prefix="static/")

application = Lifespan(
    ProtocolTypeRouter({"http": http, "websocket": AuthMiddlewareStack(URLRouter(websocket_urlpatterns))})
)
