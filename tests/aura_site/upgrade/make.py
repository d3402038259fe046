"""Makes what an earlier version leaves behind, for the tests of upgrades: `python -m tests.aura_site.upgrade.make COMMIT`.

The version is checked out beside this one and runs by itself, with the packages of today: it migrates an empty database,
makes users, keys, a budget, a spend and a library, answers questions over HTTP, and is killed in the midst of an answer.
`releases/COMMIT/VENDOR/` then holds the database as SQL, the signed heads of the record, and `release.json`, which says
what was there.
"""

import argparse
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.live import ROOT, free_port
from tests.services import postgres_database, postgres_server

RELEASES = Path(__file__).parent / "releases"
VENDORS = ("sqlite", "postgresql")
# Of these data alone; whoever upgrades them gives the same.
SECRETS = {
    "AURA_SECRET_KEY": "for-tests-of-upgrades-only-" * 2,
    "AURA_RECORD_KEY": "for-tests-of-upgrades-only-record",
    "AURA_SIGNING_KEY": "for-tests-of-upgrades-only-signing",
    "AURA_OPERATOR_TOKEN": "for-tests-of-upgrades-only-operator",
}
MODELS = {
    "ALLOW_MOCK_LLM": "true",
    "NANO_MODEL": "mock:mock-60-10",
    "FAST_MODEL": "mock:echo",
    "SMART_MODEL": "mock:mock-400-10",
    "GENIUS_MODEL": "mock:mock-5-1",
}
TEMPLATE = 400
SPENT_NANO = 1_250_000_000

# What every version understands.
PREPARE = f"""
import json
from decimal import Decimal
from django.contrib.auth import get_user_model
from django.utils import timezone
from compression import codec, services
from routing_ai.models import Budget, Spend
from routing_ai.services import create_key
users = get_user_model().objects
keys = {{}}
for name in ("ada", "eve"):
    user = users.create_superuser(name) if name == "ada" else users.create_user(name)
    keys[name] = create_key(user, "test")[1]
ada = users.get(username="ada")
Budget.objects.create(user=ada, daily_limit=Decimal("3"))
has = {{field.name for field in Spend._meta.fields}}
paid = {{"amount": Decimal({SPENT_NANO}) / 10**9}} if "amount" in has else {{"nano": {SPENT_NANO}}}
now = {{"renewed": timezone.now(), "created": timezone.now()}} if "renewed" in has else {{}}
Spend.objects.create(user=ada, state="settled", tier="SMART", model="bought", **paid, **now)
own = codec.Template({TEMPLATE}, ("An earlier version said ", " of its own"))
shipped = codec.default_library()
wanted = codec.Library([*shipped.templates, own]) if hasattr(shipped, "templates") else None
row = services.promote(services.install_library(wanted))
print(json.dumps({{"keys": keys, "library": row.hash}}))
"""


class Earlier:
    """An earlier version in a folder of its own, on a data folder and a database."""

    def __init__(self, code: Path, data: Path, database: dict[str, str]) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AURA_", "OPEN", "DATABASE"))}
        self.code, self.port = code, free_port()
        self.environment = {
            **kept, **SECRETS, **MODELS, **database, "AURA_DATA_DIR": str(data), "PYTHONPATH": str(code),
            "DJANGO_SETTINGS_MODULE": "aura_site.settings", "AURA_CHECKPOINT_SECONDS": "0.1",
        }  # fmt: skip

    def manage(self, *arguments: str) -> str:
        """Run a management command and return what it prints."""
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(
            command, cwd=self.code, env=self.environment, check=True, stdout=subprocess.PIPE, text=True
        ).stdout

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Run the server; it is killed at the end."""
        command = [sys.executable, "-m", "uvicorn", "aura_site.asgi:application", "--port", str(self.port)]
        process = subprocess.Popen([*command, "--ws", "websockets-sansio"], cwd=self.code, env=self.environment)
        try:
            for _ in range(3_000):
                with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health/live"):
                    break
                time.sleep(0.1)
            yield
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()

    def get(self, path: str, key: str) -> bytes:
        """Return the body of an answer."""
        url = f"http://127.0.0.1:{self.port}{path}"
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"})
        with urllib.request.urlopen(request) as response:
            return bytes(response.read())

    def ask(self, key: str, question: str, **options: str) -> None:
        """Ask, and wait for the end of the answer, or of the server."""
        with suppress(OSError, HTTPException):
            self.get("/api/v1/stream/chat?" + urlencode({"q": question, "model": "fast", **options}), key)

    def conversations(self, key: str) -> list[dict[str, Any]]:
        """Return a user's conversations with their turns."""
        listed = json.loads(self.get("/api/v1/conversations", key))["conversations"]
        return [json.loads(self.get(f"/api/v1/conversations/{one['id']}", key)) for one in listed]


def live_through(earlier: Earlier) -> dict[str, Any]:
    """Let the version be used, and killed; return what was there."""
    earlier.manage("migrate", "--verbosity=0")
    made = json.loads(earlier.manage("shell", "-c", PREPARE).strip().splitlines()[-1])
    ada, eve = made["keys"]["ada"], made["keys"]["eve"]
    with earlier.serving():
        earlier.ask(ada, "What did the axolotl say")
        (first,) = earlier.conversations(ada)
        earlier.ask(ada, "And then", conversation=first["id"])
        earlier.ask(eve, "An earlier version said something of its own")
        said = {"ada": earlier.conversations(ada), "eve": earlier.conversations(eve)}
        threading.Thread(target=earlier.ask, args=(ada, "Speak at length"), kwargs={"model": "smart"}).start()
        time.sleep(2)
    return {**made, "said": said}


def dump(vendor: str, data: Path, database: dict[str, str]) -> str:
    """Return the database as SQL."""
    if vendor == "sqlite":
        with closing(sqlite3.connect(data / "aura.sqlite3")) as connection:
            return "\n".join(connection.iterdump()) + "\n"
    command = [
        "pg_dump",
        "--no-owner",
        "--no-privileges",
        "--inserts",
        "--rows-per-insert=50",
        database["DATABASE_URL"],
    ]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    # Lines for psql alone, and what only newer versions of PostgreSQL know.
    foreign = ("\\restrict", "\\unrestrict", "SET transaction_timeout")
    return "".join(line for line in told.splitlines(keepends=True) if not line.startswith(foreign))


def make(commit: str, vendor: str, database: dict[str, str]) -> None:
    """Write `releases/COMMIT/VENDOR`."""
    name = subprocess.check_output(["git", "rev-parse", "--short=7", commit], cwd=ROOT, text=True).strip()
    with tempfile.TemporaryDirectory() as folder:
        code, data = Path(folder, "code"), Path(folder, "data")
        data.mkdir()
        subprocess.run(["git", "worktree", "add", "--detach", code, commit], cwd=ROOT, check=True)
        try:
            told = live_through(Earlier(code, data, database))
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", code], cwd=ROOT, check=True)
        out = RELEASES / name / vendor
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        (out / "database.sql").write_text(dump(vendor, data, database))
        (out / "release.json").write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")
        if (data / "checkpoints").is_dir():
            shutil.copytree(data / "checkpoints", out / "checkpoints")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commit", nargs="+")
    commits = parser.parse_args().commit
    with postgres_server() as server:
        os.environ["AURA_TEST_POSTGRES"] = server
        for commit in commits:
            make(commit, "sqlite", {})
            with postgres_database() as url:
                make(commit, "postgresql", {"DATABASE_URL": url})


if __name__ == "__main__":
    main()
