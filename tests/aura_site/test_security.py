"""What holds for every page and every way in: the content security policy, origins, what keys open, the deployment check."""

import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from importlib import metadata
from pathlib import Path

import pytest
from django.conf import global_settings, settings
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import NoReverseMatch, reverse
from packaging.version import Version

from streaming import identity
from tests.live import ROOT, LiveServer

PAGES = [
    "/",
    "/console/",
    "/datasets/",
    "/dashboard/",
    "/password/",
    "/admin/",
    "/admin/password_change/",
    "/admin/jsi18n/",
]


class Inline(HTMLParser):
    """Collects what a strict policy forbids: inline scripts, styles and handlers."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        data = names.get("type") in ("application/json", "application/ld+json")
        if tag == "style" or (tag == "script" and "src" not in names and not data):
            self.found.append(f"<{tag}>")
        self.found += [f"{tag} {name}" for name in names if name == "style" or name.startswith("on")]
        self.found += [f"{tag} {value}" for value in names.values() if (value or "").strip().startswith("javascript:")]


def policy_of(response) -> dict[str, list[str]]:
    parts = [part.split() for part in response["Content-Security-Policy"].split(";")]
    return {words[0]: words[1:] for words in parts if words}


def admin_pages() -> list[str]:
    found = []
    for model in admin.site._registry:
        for name in ("changelist", "add"):
            try:
                found.append(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}"))
            except NoReverseMatch:
                continue
    return found


@pytest.mark.django_db(transaction=True)
def test_no_page_needs_what_a_strict_policy_forbids(client: Client) -> None:
    user = get_user_model().objects.create_superuser("ada")
    strangers = [Client().get("/sign-in/"), Client().get("/sign-in/link/none")]
    client.force_login(user)
    paths = [*PAGES, *admin_pages(), f"/admin/auth/user/{user.pk}/change/", "/admin/nowhere/", "/nowhere"]
    assert len(paths) > 40
    for response in [*strangers, *(client.get(path) for path in paths)]:
        path = response.request["PATH_INFO"]
        assert response.status_code in (200, 302, 403, 404, 410), path
        policy = policy_of(response)
        assert "unsafe-inline" not in str(policy), path
        assert "'unsafe-eval'" not in str(policy), path
        assert policy["default-src"] == ["'self'"]
        assert policy["object-src"] == policy["frame-ancestors"] == policy["base-uri"] == ["'none'"]
        assert response["X-Content-Type-Options"] == "nosniff"
        assert response["X-Frame-Options"] == "DENY"
        assert response["Referrer-Policy"] == "same-origin"
        if "html" in response.get("Content-Type", ""):
            inline = Inline()
            inline.feed(response.content.decode())
            assert (path, inline.found) == (path, [])


def test_a_key_opens_no_admin_and_needs_no_cookie(live: LiveServer) -> None:
    assert live.get("/admin/auth/user/")[0] == 403
    status, headers, _ = live.get("/api/v1/conversations")
    assert status == 200
    assert "set-cookie" not in headers


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path", ["/ai/chat", "/api/v1/topics/a", "/sign-out/", "/password/", "/i18n/setlang/", "/api/v1/webrtc/offer"]
)
def test_a_foreign_page_cannot_post_with_a_users_cookie(path: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(get_user_model().objects.create_user("ada"))
    assert client.post(path, "{}", content_type="application/json").status_code == 403


@pytest.mark.parametrize("path", ["/deep_tree_echo/stream_process", "/api/v1/stream/chat?q=x"])
def test_what_needs_no_token_looks_where_the_request_comes_from(live: LiveServer, path: str) -> None:
    cookie = {"Cookie": f"sessionid={live.users['ada']['session']}", "Sec-Fetch-Site": "cross-site"}
    status, _, body = live.get(path, "", **{name.replace("-", "_"): value for name, value in cookie.items()})
    assert status in (403, 405), body


@pytest.mark.parametrize(
    ("origin", "https", "fine"),
    [
        ("http://localhost", False, True), ("http://localhost", True, False), ("https://localhost", True, True),
        ("https://localhost.evil.example", True, False), ("null", False, False), ("http://localhost:81", False, False),
    ],
)  # fmt: skip
def test_which_pages_may_open_a_websocket(settings, origin: str, https: bool, fine: bool) -> None:
    settings.SESSION_COOKIE_SECURE = https
    scope = {"headers": [(b"host", b"localhost"), (b"origin", origin.encode())]}
    assert identity.origin_allowed(scope) is fine


@pytest.mark.django_db
def test_a_session_is_new_at_sign_in_over_at_sign_out_and_its_cookie_is_guarded(client: Client, settings) -> None:
    settings.SESSION_COOKIE_SECURE = True
    get_user_model().objects.create_user("ada", password="a long passphrase")
    client.cookies["sessionid"] = "chosen-by-somebody-else"
    answer = client.post("/sign-in/", {"username": "ada", "password": "a long passphrase"}, secure=True)
    cookie = answer.cookies["sessionid"]
    assert cookie.value != "chosen-by-somebody-else"
    assert (cookie["httponly"], cookie["secure"], cookie["samesite"]) == (True, True, "Lax")
    assert client.get("/api/v1/conversations", secure=True).status_code == 200
    client.post("/sign-out/", secure=True)
    client.cookies["sessionid"] = cookie.value
    assert client.get("/api/v1/conversations", secure=True).status_code == 401


@pytest.mark.parametrize("password", ["short", "elevenchars", "1q2w3e4r5t6y", "ada.lovelace"])
def test_a_password_is_long_and_not_a_common_one(password: str) -> None:
    user = get_user_model()(username="ada.lovelace")
    with pytest.raises(ValidationError):
        validate_password(password, user)
    validate_password("ünë phrase, pasted \u0627", user)


def test_passwords_are_kept_by_a_slow_hash() -> None:
    # The tests themselves have a quick one.
    assert PBKDF2PasswordHasher().iterations >= 600_000  # OWASP's figure of 2023
    assert global_settings.PASSWORD_HASHERS[0].endswith("PBKDF2PasswordHasher")
    assert "PASSWORD_HASHERS" not in (ROOT / "aura_site" / "settings.py").read_text()


@pytest.mark.parametrize(
    "path",
    [
        "/static/../manage.py", "/static/%2e%2e/manage.py", "/static/..%2f..%2fmanage.py", "/static//etc/passwd",
        "/docs/en/../../LICENSE.html", "/docs/en/..%2f..%2fREADME.html", "/docs/../../LICENSE", "/docs/en/%00.html",
        "/api/compression/libraries/..%2f..%2fmanage.py", "/deep_tree_echo/jobs/..%2f..%2fkeys",
    ],
)  # fmt: skip
def test_no_path_leads_out_of_its_folder(live: LiveServer, path: str) -> None:
    assert live.get(path)[0] == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/ai/chat"), ("POST", "/v1/chat/completions"), ("POST", "/deep_tree_echo/jobs"),
        ("PATCH", "/api/v1/conversations/00000000-0000-4000-8000-000000000000"), ("POST", "/api/v1/topics/a"),
        ("POST", "/api/v1/webrtc/offer"),
    ],
)  # fmt: skip
def test_what_is_nested_too_deep_is_refused(live: LiveServer, method: str, path: str) -> None:
    headers = {"Authorization": f"Bearer {live.key}", "Content-Type": "application/json"}
    request = urllib.request.Request(live.url + path, b"[" * 30_000, headers, method=method)
    with pytest.raises(urllib.error.HTTPError) as refused, urllib.request.urlopen(request):
        pass
    with refused.value:
        assert refused.value.code in (400, 422)


# Lines that no test can show: who designs, and what stands before AURA.
WITHOUT_TESTS = ("1.1", "9.1")


def test_every_evidence_of_the_checklist_is_there() -> None:
    page = (ROOT / "docs" / "reference" / "asvs.md").read_text()
    sources = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    defined = set(re.findall(r"^(?:async )?def (test_\w+)", sources, re.MULTILINE))
    named = set(re.findall(r"`(test_\w+)`", page))
    assert named - defined == set()
    assert len(named) > 30
    for path in re.findall(r"`([\w/]+/[\w/]+\.\w+)`", page):
        assert (ROOT / path).exists(), path
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if re.match(r"\| \d", line)]
    assert len(rows) > 25
    bare = [cells[0] for cells in rows if cells[1].startswith("yes") and "`test_" not in cells[2]]
    assert [line for line in bare if not line.startswith(WITHOUT_TESTS)] == []


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AURA_", "DJANGO"))}
    return {**kept, "DJANGO_SETTINGS_MODULE": "aura_site.settings", **more}


def test_the_deployment_check_is_clean_over_https(tmp_path: Path) -> None:
    more = environment(AURA_HTTPS="true", AURA_ALLOWED_HOSTS="chat.example.org", AURA_DATA_DIR=str(tmp_path))
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    done = subprocess.run(command, cwd=ROOT, env=more, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # The two about other names of the domain, whose operator decides.
    assert "2 silenced" in done.stdout


def test_debugging_is_off_and_cookies_are_not_for_scripts() -> None:
    assert settings.DEBUG is False
    assert settings.SESSION_COOKIE_HTTPONLY is True
    assert settings.SESSION_COOKIE_SAMESITE == "Lax"


LOCKS = sorted(ROOT.glob("requirements*.txt"))


def test_what_is_installed_is_what_is_locked() -> None:
    locked: dict[str, set[Version]] = {}
    for path in LOCKS:
        for name, version in re.findall(
            r"^([A-Za-z0-9._-]+)(?:\[[\w,]+\])?==([^ ;\\]+)", path.read_text(), re.MULTILINE
        ):
            locked.setdefault(re.sub(r"[-_.]+", "-", name).lower(), set()).add(Version(version))
    installed = {
        re.sub(r"[-_.]+", "-", found.name).lower(): Version(found.version) for found in metadata.distributions()
    }
    both = installed.keys() & locked.keys()
    assert "django" in both
    assert [(name, str(installed[name])) for name in sorted(both) if installed[name] not in locked[name]] == []


def test_every_locked_package_has_its_hash() -> None:
    for path in LOCKS:
        text = path.read_text()
        packages = re.findall(r"^[A-Za-z0-9._-]+(?:\[[\w,]+\])?==.*(?:\n    .*)*", text, re.MULTILINE)
        assert packages
        assert [package.split()[0] for package in packages if "--hash=sha256:" not in package] == []


@pytest.mark.parametrize(
    ("named", "contact"),
    [
        ("security@example.org", "mailto:security@example.org"),
        ("https://example.org/report", "https://example.org/report"),
    ],
)
def test_whom_to_tell_of_a_weakness_stands_where_people_look(tmp_path: Path, named: str, contact: str) -> None:
    code = (
        "import django; django.setup()\n"
        "from django.test import Client\n"
        "answer = Client(HTTP_HOST='localhost').get('/.well-known/security.txt')\n"
        "print(answer.status_code, answer.content.decode())"
    )

    def asked(**environment: str) -> list[str]:
        made = {
            **os.environ,
            "AURA_DATA_DIR": str(tmp_path),
            "DJANGO_SETTINGS_MODULE": "aura_site.settings",
            **environment,
        }
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=made)
        return run.stdout.split("\n")

    status, expires, *_ = asked(AURA_SECURITY_CONTACT=named)
    assert status == f"200 Contact: {contact}"
    until = datetime.fromisoformat(expires.removeprefix("Expires: "))
    assert timedelta(days=90) < until - datetime.now(UTC) < timedelta(days=366)
    assert asked()[0].startswith("404")
