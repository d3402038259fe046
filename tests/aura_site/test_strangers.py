"""What somebody meets who is not signed in: every path there is, by every method, with no key, a wrong one, or a cookie of
nobody's; and every WebSocket."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import AsyncClient
from django.urls import URLPattern, URLResolver, get_resolver
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from streaming.routing import http_urlpatterns, websocket_urlpatterns
from tests.live import LiveServer

SAMPLES = {
    "UUIDConverter": "00000000-0000-4000-8000-000000000000",
    "IntConverter": "1",
    "StringConverter": "nothing",
    "PathConverter": "nothing",
    "SlugConverter": "nothing",
}
# What is for everybody, with what it says to a stranger: 2xx, or somewhere else. All else is refused.
PUBLIC = {
    "health", "health/live", "health/ready", "api/openapi.json", "privacy/",
    ".well-known/security.txt", "sign-in/", "sign-in/link/nothing",
    "sign-out/", "second-factor/", "i18n/setlang/", "favicon.ico", "docs/", "docs/nothing/", "docs/nothing/search.json",
    "docs/nothing/nothing.html", "admin/login/", "admin/logout/",
}  # fmt: skip
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# How a stranger is refused. 404: there is nothing for him; 405: not by that method, whoever asks.
REFUSED = (401, 403, 404, 405)


def paths(resolver: URLResolver, before: str = "") -> Iterator[str]:
    """Yield an example of every path below a resolver."""
    for entry in resolver.url_patterns:
        own = str(entry.pattern)
        for name, converter in entry.pattern.converters.items():
            own = re.sub(rf"<(\w+:)?{name}>", SAMPLES[type(converter).__name__], own)
        if isinstance(entry, URLResolver):
            yield from paths(entry, before + own)
        elif isinstance(entry, URLPattern):
            yield before + own


def private() -> list[str]:
    found = [path for path in paths(get_resolver()) if path not in PUBLIC]
    # The admin's last one, for everything else, is a regular expression.
    return [path.replace("(?P<url>.*)$", "nothing") for path in found]


def test_the_list_of_what_is_public_is_of_what_there_is() -> None:
    assert set(paths(get_resolver())) >= PUBLIC


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("credentials", ["none", "key", "cookie"])
async def test_nothing_but_what_is_public_is_for_strangers(credentials: str) -> None:
    client = AsyncClient(enforce_csrf_checks=False)
    headers = {"authorization": "Bearer aura_of_nobody"} if credentials == "key" else {}
    if credentials == "cookie":
        client.cookies["sessionid"] = "of-nobody"
    found = private()
    assert len(found) > 150
    wrong = []
    for path in found:
        for method in METHODS:
            answer = await client.generic(method, f"/{path}", headers=headers, content_type="application/json")
            led = answer.status_code == 302 and answer["Location"].split("?")[0] in ("/sign-in/", "/admin/login/")
            if not led and answer.status_code not in REFUSED:
                wrong.append((method, path, answer.status_code))
    assert wrong == []


@pytest.mark.parametrize("path", sorted(PUBLIC))
def test_what_is_public_opens_no_session(live: LiveServer, path: str) -> None:
    status, headers, _ = live.get(f"/{path}", "")
    assert status in (200, 404, 405, 410, 503)
    assert "sessionid" not in str(headers).lower()


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("/", "no-store"), ("/sign-in/", "no-store"), ("/api/v1/conversations", "no-store"), ("/v1/models", "no-store"),
        ("/deep_tree_echo/jobs", "no-store"), ("/deep_tree_echo/stream_process", "no-store"), ("/nowhere", "no-store"),
        ("/api/v1/stream/chat?q=x&model=genius", "no-store"), ("/dashboard/figures", "no-store"),
        ("/docs/en/", "max-age=60"), ("/static/aura/icon.svg", "max-age=60"),
    ],
)  # fmt: skip
def test_nothing_private_is_kept_and_nothing_is_taken_for_something_else(
    live: LiveServer, path: str, kept: str
) -> None:
    _, headers, _ = live.get(path)
    told = {name.lower(): value for name, value in headers.items()}
    assert kept in told["cache-control"]
    assert ("no-store" in told["cache-control"]) is (kept == "no-store")
    assert told["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("key", ["", "aura_of_nobody"])
def test_what_stands_beside_django_is_refused_too(live: LiveServer, key: str) -> None:
    beside = [f"/{pattern.pattern}".replace("<str:job>", "nothing") for pattern in http_urlpatterns]
    assert len(beside) >= 5
    for path in [*beside, "/v1/models", "/v1/chat/completions", "/v1/nothing", "/metrics"]:
        status, headers, _ = live.get(path, key)
        assert status in REFUSED, (path, status)
        assert "set-cookie" not in {name.lower() for name in headers}


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer aura_of_nobody"}, {"Cookie": "sessionid=of-nobody"}])
def test_a_websocket_of_a_stranger_is_closed_before_it_says_anything(live: LiveServer, headers: dict[str, str]) -> None:
    routes = [str(pattern.pattern).replace("<str:session_id>", "nothing") for pattern in websocket_urlpatterns]
    assert {"ws/chat/", "ws/events/", "ws/audio/nothing/"} <= set(routes)
    for route in routes:
        heard: list[Any] = []
        try:
            with connect(f"ws://127.0.0.1:{live.port}/{route}", additional_headers=headers, open_timeout=60) as line:
                line.send(json.dumps({"type": "prompt", "text": "Who are you?"}))
                heard += list(line)
                raise AssertionError(f"{route} was opened to a stranger: {heard}")
        except InvalidStatus as error:
            assert error.response.status_code in (401, 403, 404)
        except ConnectionClosed as error:
            assert error.rcvd is not None
            assert (error.rcvd.code, heard) == (4201, [])
