"""A real AURA server in a process of its own, for tests that talk to it from outside."""

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from email.message import Message
from functools import cache
from pathlib import Path
from typing import Any

from multidict import CIMultiDict

from aura_site.launcher import processes
from aura_site.launcher.config import Config
from tests.places import new_database, new_redis

ROOT = Path(__file__).resolve().parents[1]
# Names the folder where what all servers of a run begin with is prepared once, whichever process needs it first.
PREPARED = "AURA_TESTS_PREPARED"
PREPARE = """
import json
from django.conf import settings
from django.core.management import call_command
from django.contrib.auth import get_user_model
from django.contrib.auth import SESSION_KEY, BACKEND_SESSION_KEY, HASH_SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from aura_site import secret_files
from routing_ai.services import create_key
call_command("migrate", verbosity=0)
secret_files.kept(settings.OPERATOR_TOKEN_FILE)
users = get_user_model().objects
made = {}
for name in ("ada", "eve"):
    user = users.create_superuser(name) if name == "ada" else users.create_user(name)
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    made[name] = {"key": create_key(user, "test")[1], "session": session.session_key}
print(json.dumps(made))
"""


class LiveServer:
    """One data folder and the server on it, as `./aura up` starts it; `settings` are environment variables. With `beside`
    it is a second server on the folder, the users and the settings of another one."""

    def __init__(
        self, folder: Path, server: str = "uvicorn", *, beside: "LiveServer | None" = None, **settings: str
    ) -> None:
        self.folder = folder
        self.server = server
        self.process: subprocess.Popen[bytes] | None = None
        self.users: dict[str, dict[str, str]]
        self.key: str
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.ws = f"ws://127.0.0.1:{self.port}/ws/chat/"
        self.environment = {
            **_inherited(),
            "AURA_DATA_DIR": str(folder),
            "ALLOW_MOCK_LLM": "true",
            "NANO_MODEL": "mock:mock-60-10",
            "FAST_MODEL": "mock:echo",
            "SMART_MODEL": "mock:mock-400-10",
            "GENIUS_MODEL": "mock:mock-5-1",
            # One user asks all the questions here, on a machine that may be slow.
            "STREAMING_PROMPTS_PER_MINUTE": "0",
            "STREAMING_LAG_LIMIT": "0",
            **settings,
        }
        if beside is not None:
            self.environment = {**beside.environment, **settings}
            self.users, self.key = beside.users, beside.key
            return
        if "DATABASE_URL" in settings:
            self.users = self._prepare()
        else:
            # A database is prepared once, then copied.
            prepared = _prepared()
            shutil.copytree(prepared.folder, folder, dirs_exist_ok=True)
            self.users = prepared.users
            self.environment.update({**prepared.place(), **settings})
        self.key = self.users["ada"]["key"]

    def _prepare(self) -> dict[str, dict[str, str]]:
        """Make the database and its users; return their keys and sessions by name."""
        made = self.manage("shell", "--verbosity=0", "-c", PREPARE).strip().splitlines()[-1]
        return dict(json.loads(made))

    def manage(self, *arguments: str, check: bool = True) -> str:
        """Run a management command and return what it prints."""
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, check=check, capture_output=True, text=True, timeout=120
        )
        return done.stdout if check else done.stdout + done.stderr

    def start(self) -> None:
        """Start the server and wait until it answers."""
        address = (self.folder, "127.0.0.1", self.port, self.environment)
        command = [sys.executable, *processes.server_command(Config(ROOT, *address, self.server))[1:]]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=log, stderr=log)
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                with urllib.request.urlopen(f"{self.url}/health/live", timeout=5):
                    return
            except OSError:
                assert self.process.poll() is None, self.log()
                time.sleep(0.05)
        raise AssertionError(f"the server did not start: {self.log()}")

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End the server by a signal."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(60)
            self.process = None

    def log(self) -> str:
        """Return what the server wrote."""
        return (self.folder / "server.log").read_text(errors="replace")

    def get(self, path: str, key: str | None = None, **headers: str) -> tuple[int, CIMultiDict[str], Any]:
        """Return status, headers and the JSON (or text) of a GET with an API key; none for an empty one."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        if key != "":
            names["Authorization"] = f"Bearer {key or self.key}"
        request = urllib.request.Request(self.url + path, headers=names)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status, _headers(response.headers), _body(response.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _headers(error.headers), _body(error.read())


class _Prepared(LiveServer):
    """A data folder for copies, which no server runs on."""

    def __init__(self) -> None:
        self._own = None if PREPARED in os.environ else tempfile.TemporaryDirectory(prefix="aura-live-")
        place = Path(self._own.name if self._own else os.environ[PREPARED])
        self.folder = place / "data"
        self.environment = {**_inherited(), "AURA_DATA_DIR": str(self.folder)}
        known = place / "known.json"
        with (place / "lock").open("w") as lock:
            # Let go when the file is closed, or the process ends.
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not known.exists():
                self.folder.mkdir(mode=0o700, exist_ok=True)
                if "DATABASE_URL" in os.environ:
                    self.environment["DATABASE_URL"] = new_database()
                made = {"users": self._prepare(), "database": self.environment.get("DATABASE_URL")}
                known.write_text(json.dumps(made))
        found = json.loads(known.read_text())
        self.users = found["users"]
        if found["database"]:
            self.environment["DATABASE_URL"] = found["database"]

    def place(self) -> dict[str, str]:
        """Return where a server keeps what it has: with `tests.cluster` a copy of the database, and a Redis of its own."""
        if "DATABASE_URL" not in os.environ:
            return {}
        return {"DATABASE_URL": new_database(self.environment["DATABASE_URL"]), "REDIS_URL": new_redis()}


@cache
def _prepared() -> _Prepared:
    return _Prepared()


def _inherited() -> dict[str, str]:
    """Return the environment without what an operator has set for AURA."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AURA_", "OPEN"))}
    return {**kept, "DJANGO_SETTINGS_MODULE": "aura_site.settings"}


def _headers(message: Message) -> CIMultiDict[str]:
    """Return headers by their names, however these are written: no two HTTP parsers agree (RFC 9110, section 5.1)."""
    return CIMultiDict(message.items())


def _body(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return data.decode()


def free_port() -> int:
    """Return a port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
