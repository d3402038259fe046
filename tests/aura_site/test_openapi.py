"""The description of what programs may ask: it names what there is, and a real server keeps to it."""

import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from aura_site.openapi.document import description
from compression.codec.library import default_library
from streaming.routing import http_urlpatterns
from tests.live import ROOT, LiveServer

HERE = Path(__file__).parent
# For people: pages, what their forms post to, and what leads to them.
PAGES = {
    "/", "/console/", "/datasets/", "/dashboard/", "/privacy/", "/shared/{}", "/docs/", "/docs/{}/", "/docs/{}/{}.html",
    "/sign-in/", "/sign-in/link/{}", "/sign-out/", "/second-factor/", "/password/", "/i18n/setlang/", "/favicon.ico",
    "/admin/login/",
}  # fmt: skip
# What stands beside Django and has no table of paths.
BESIDE = {"/metrics", "/v1/chat/completions", "/v1/models", "/v1/models/{}"}
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}


def described() -> dict[str, set[str]]:
    """The methods of each path, as the description has them."""
    return {
        re.sub(r"\{\w+\}", "{}", path): {method.upper() for method in methods}
        for path, methods in description()["paths"].items()
    }


def served(patterns: Any, before: str = "/") -> Iterator[str]:
    """Every path that is served, but the admin's own."""
    for one in patterns:
        path = before + re.sub(r"<[^>]+>", "{}", str(one.pattern))
        if isinstance(one, URLResolver):
            if one.app_name != "admin":
                yield from served(one.url_patterns, path)
        elif isinstance(one, URLPattern):
            yield path


def told() -> dict[str, set[str]]:
    """The methods of each path in the table of endpoints.md, but pages."""
    found: dict[str, set[str]] = {}
    text = (ROOT / "docs" / "reference" / "endpoints.md").read_text()
    for row in re.findall(r"^\| (.+?) \|", text, re.MULTILINE):
        methods: set[str] = set()
        folder, path = "", ""
        for also, words in re.findall(r"(\(also )?`([^`]+)`", row):
            names = set(re.findall(r"\b(?:GET|POST|PUT|PATCH|DELETE)\b", words))
            place = re.sub(r"\?.*|\b[A-Z]+\b", "", words).strip()
            if also:
                found[path] |= names
            elif not place:
                methods |= names
            else:
                methods = methods | names if not path else names or methods
                path = re.sub(r"(?<=/)[A-Z]+\b", "{}", re.sub(r"^.* |\?.*", "", words))
                path = path if path.startswith("/") else folder + path
                folder = path.rpartition("/")[0] + "/"
                found.setdefault(path, set()).update(methods)
    return {path: methods for path, methods in found.items() if methods and path not in PAGES and "..." not in path}


def test_every_path_is_described_or_a_page() -> None:
    found = {*served(get_resolver().url_patterns), *served(http_urlpatterns), *BESIDE}
    assert set(described()) == found - PAGES
    assert found > PAGES


def test_the_reference_has_the_same_paths_and_methods() -> None:
    assert told() == described()


def test_every_path_takes_the_described_methods_and_no_other(live: LiveServer) -> None:
    takes = {}
    for path in described():
        request = urllib.request.Request(live.url + path.replace("{}", "6f1c1f0e-6d7a-4a55-9d3c-0d3d6f0a2b11"))
        request.method = "OPTIONS"
        request.add_header("Authorization", f"Bearer {live.key}")
        with pytest.raises(urllib.error.HTTPError) as refused, urllib.request.urlopen(request, timeout=60):
            pass
        with refused.value as answer:
            assert answer.code == 405, path
            takes[path] = set(re.split(r",\s*", answer.headers["Allow"])) & METHODS
    assert takes == described()


QUICK = "mock:mock-5-1"


@pytest.mark.environment(
    NANO_MODEL=QUICK, FAST_MODEL=QUICK, SMART_MODEL=QUICK, GENIUS_MODEL=QUICK, AURA_METRICS_ALLOW="127.0.0.1"
)
def test_schemathesis_finds_nothing_to_complain_of(own_server: LiveServer) -> None:
    command = [
        *(sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()"),
        *("--config-file", str(HERE / "schemathesis.toml"), "run", f"{own_server.url}/api/openapi.json"),
        # Two threads that parse Python at once confuse Python 3.11 (python/cpython#106905).
        *("--seed", "1", "--no-color", "--workers", "1"),
    ]
    things = {"LIBRARY": default_library().hash, "ANSWER": asked(own_server)}
    as_user = ["--header", f"Authorization: Bearer {own_server.key}", "--phases", "examples,coverage,fuzzing"]
    as_stranger = ["--mode", "positive", "--phases", "examples,fuzzing"]
    # All but the description itself, which it begins with.
    operations = sum(map(len, described().values())) - 1
    for caller in ([*as_user, "--max-examples", "3"], [*as_stranger, "--max-examples", "1"]):
        done = subprocess.run(
            [*command, *caller],
            check=False,
            capture_output=True,
            text=True,
            timeout=300,
            cwd=own_server.folder,
            env={**own_server.environment, **things},
        )
        assert done.returncode == 0, done.stdout[-9000:] + done.stderr
        assert f"Selected: {operations}/{operations}" in done.stdout


def asked(live: LiveServer) -> str:
    """Ask a question; return the name of its answer."""
    headers = {"Content-Type": "text/plain", "Authorization": f"Bearer {live.key}"}
    with urllib.request.urlopen(urllib.request.Request(f"{live.url}/ai/chat", b"Hello", headers), timeout=60) as answer:
        answer.read()
        return str(answer.headers["AURA-Stream"])


def test_the_description_is_for_everybody(live: LiveServer) -> None:
    status, headers, found = live.get("/api/openapi.json", "")
    assert (status, headers["Content-Type"], found) == (200, "application/json", json.loads(json.dumps(description())))


@pytest.mark.parametrize("path", ["/api/v1/conversations/7", "/api/nowhere", "/ai/nothing", "/deep_tree_echo/none"])
def test_a_program_that_asks_for_nothing_reads_so_as_json(live: LiveServer, path: str) -> None:
    status, headers, body = live.get(path)
    assert (status, headers["Content-Type"]) == (404, "application/json")
    assert body["error"]["code"] == "unknown_stream"


def test_people_who_ask_for_nothing_read_so_on_a_page(live: LiveServer) -> None:
    status, headers, _ = live.get("/nowhere", "")
    assert status == 404
    assert headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("path", ["/ai/chat", "/api/v1/topics/shop", "/api/v1/webrtc/offer"])
def test_who_has_no_key_is_told_so_whatever_is_asked(live: LiveServer, path: str) -> None:
    request = urllib.request.Request(live.url + path, b"{}", {"Content-Type": "application/json"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=60)
    with refused.value as answer:
        assert (answer.code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert json.loads(answer.read())["error"]["code"] == "not_allowed"


def test_who_is_signed_in_and_sends_no_token_is_told_so(live: LiveServer) -> None:
    headers = {"Cookie": f"sessionid={live.users['eve']['session']}", "Content-Type": "application/json"}
    for path, kind in (("/ai/chat", "application/json"), ("/password/", "text/html; charset=utf-8")):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(urllib.request.Request(live.url + path, b"{}", headers), timeout=60)
        with refused.value as answer:
            assert (answer.code, answer.headers["Content-Type"]) == (403, kind)
