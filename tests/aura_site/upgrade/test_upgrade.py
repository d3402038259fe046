"""Data that earlier versions left behind, killed in the midst of an answer, is taken over whole: nothing said, promised or
spent is lost. `make` made the data."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from aura_site import backups, upgrades
from routing_ai.providers.mock import words_of
from tests.aura_site.upgrade.make import MODELS, RELEASES, SECRETS, SPENT_NANO, TEMPLATE, VENDORS
from tests.live import ROOT, LiveServer, free_port
from tests.services import postgres_database

NAMES = sorted(path.name for path in RELEASES.iterdir() if path.is_dir())
OLDEST = "bcf43bb"
OF_SQLITE = pytest.mark.vendor("sqlite")


class Data:
    """What an earlier version left, in a data folder and a database of this test."""

    def __init__(self, name: str, vendor: str, folder: Path, url: str) -> None:
        self.vendor, self.folder, self.url = vendor, folder, url
        source = RELEASES / name / vendor
        self.told: dict[str, Any] = json.loads((source / "release.json").read_text())
        folder.mkdir(exist_ok=True)
        if (source / "checkpoints").is_dir():
            shutil.copytree(source / "checkpoints", folder / "checkpoints")
        self.execute((source / "database.sql").read_text())
        # The budget is of a day: let the money have been spent today.
        self.execute("UPDATE routing_ai_spend SET created = CURRENT_TIMESTAMP")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("AURA_", "OPEN", "DATABASE"))}
        self.environment = {
            **kept, **SECRETS, **MODELS, "DJANGO_SETTINGS_MODULE": "aura_site.settings", "AURA_DATA_DIR": str(folder),
            "STREAMING_LAG_LIMIT": "0", "REDIS_URL": "", "DATABASE_URL": url,
        }  # fmt: skip

    def execute(self, statements: str) -> None:
        """Run SQL that answers nothing."""
        if self.vendor == "sqlite":
            with closing(sqlite3.connect(self.folder / "aura.sqlite3")) as connection:
                connection.executescript(statements)
        else:
            with psycopg.connect(self.url, autocommit=True) as connection:
                connection.execute(statements.encode())

    def migrations(self) -> set[str]:
        """Return the migrations that the database has."""
        query = "SELECT app || '.' || name FROM django_migrations"
        if self.vendor == "sqlite":
            with closing(sqlite3.connect(self.folder / "aura.sqlite3")) as connection:
                return {name for (name,) in connection.execute(query)}
        with psycopg.connect(self.url) as connection:
            return {name for (name,) in connection.execute(query)}

    def manage(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a management command of this version."""
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False)

    def server(self) -> LiveServer:
        """Return a server of this version on the data, not started yet."""
        server = LiveServer.__new__(LiveServer)
        server.folder, server.server, server.process = self.folder, "uvicorn", None
        server.port = free_port()
        server.url, server.key = f"http://127.0.0.1:{server.port}", self.told["keys"]["ada"]
        server.environment = self.environment
        return server


@contextmanager
def left_by(name: str, vendor: str, folder: Path) -> Iterator[Data]:
    if vendor == "sqlite":
        yield Data(name, vendor, folder, "")
        return
    with postgres_database() as url:
        yield Data(name, vendor, folder, url)


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Data]:
    with left_by(OLDEST, "sqlite", tmp_path) as data:
        yield data


MONEY = """
import json
from django.contrib.auth import get_user_model
from compression import selectors as compression
from routing_ai import selectors
ada = get_user_model().objects.get(username="ada")
used = {str(one["limit"].normalize()): str(one["used"]) for one in selectors.budgets_today(ada.pk)}
active = compression.active_library()
print(json.dumps({"used": used, "library": active.hash, "parts": active.template(%d).parts}))
"""


@pytest.mark.parametrize("vendor", [pytest.param(name, marks=pytest.mark.vendor(name)) for name in VENDORS])
@pytest.mark.parametrize("name", NAMES)
def test_what_was_said_promised_and_spent_is_kept(tmp_path: Path, name: str, vendor: str) -> None:
    with left_by(name, vendor, tmp_path / "data") as data:
        before = data.migrations()
        done = data.manage("upgrade")
        assert done.returncode == 0, done.stderr
        assert "The database is of this version." in done.stdout
        assert before < data.migrations()
        (backup,) = (data.folder / "backups").glob("before-upgrade-*.tar")
        assert str(backup) in done.stdout
        assert backup.stat().st_mode & 0o777 == 0o600
        assert backups.read_manifest(backup)["database"] == vendor
        verified = data.manage("verify_audit")
        assert (verified.returncode, "entries are good" in verified.stdout) == (0, True), verified.stderr

        told = json.loads(data.manage("shell", "--verbosity=0", "-c", MONEY % TEMPLATE).stdout)
        assert Decimal(told["used"]["3"]) == Decimal(SPENT_NANO) / 10**9
        assert told["library"] == data.told["library"]
        assert told["parts"] == ["An earlier version said ", " of its own"]
        _reads_and_goes_on(data)
        # Once more there is nothing to do, and so nothing to keep.
        assert data.manage("upgrade", "--verbosity=0").stdout == ""
        assert data.manage("verify_audit").returncode == 0


def _reads_and_goes_on(data: Data) -> None:
    """Let everybody read what they said before, by the keys of before, and go on with it."""
    server = data.server()
    server.start()
    try:
        for user, said in data.told["said"].items():
            key = data.told["keys"][user]
            for conversation in said:
                status, _, now = server.get(f"/api/v1/conversations/{conversation['id']}", key)
                assert (status, now["title"]) == (200, conversation["title"])
                wanted = [(turn["role"], turn["text"], turn["state"]) for turn in conversation["turns"]]
                assert [(turn["role"], turn["text"], turn["state"]) for turn in now["turns"]] == wanted
        first = data.told["said"]["ada"][0]["id"]
        path = f"/api/v1/stream/chat?q={quote('And now')}&model=fast&conversation={first}"
        assert "event: done" in server.get(path)[2]
        assert [turn["text"] for turn in server.get(f"/api/v1/conversations/{first}")[2]["turns"]][-1] == "And now"
        _ends_what_was_open(server)
    finally:
        server.stop()


def _ends_what_was_open(server: LiveServer) -> None:
    """The answer in whose midst the version was killed keeps its words, and is given up for its age."""
    (opened,) = [
        one for one in server.get("/api/v1/conversations")[2]["conversations"] if one["title"] == "Speak at length"
    ]
    answer = server.get(f"/api/v1/conversations/{opened['id']}")[2]["turns"][-1]
    told = server.get("/api/v1/stream/chat", Last_Event_ID=f"{answer['stream']}:{answer['epoch']}:0")[2]
    assert '"code":"interrupted"' in told
    after = server.get(f"/api/v1/conversations/{opened['id']}")[2]["turns"][-1]
    assert (after["text"], after["state"] == "open", bool(after["fault"])) == (answer["text"], False, True)
    assert "".join(words_of(400)).startswith(after["text"])
    assert len(after["text"].split()) > 5


@OF_SQLITE
def test_up_takes_old_data_over_by_itself(old: Data) -> None:
    settings = {**old.environment, "AURA_VENV": sys.prefix, "AURA_PORT": str(free_port())}

    def aura(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["./aura", *arguments], cwd=ROOT, env=settings, capture_output=True, text=True, check=False
        )

    try:
        up = aura("up", "--detach")
        assert up.returncode == 0, up.stderr + up.stdout
        (backup,) = (old.folder / "backups").iterdir()
        assert f"has been upgraded; as it was before: {backup}" in up.stdout
        assert "one-time password" not in up.stdout
    finally:
        aura("down")
    # The backup is of before: the version that made the data could go on with it.
    shutil.move(backup, old.folder.parent / "backup.tar")
    (old.folder / "aura.sqlite3").unlink()
    back = old.manage("restore", str(old.folder.parent / "backup.tar"), "--replace")
    assert (back.returncode, "entries are good" in back.stdout) == (0, True), back.stderr


@OF_SQLITE
def test_data_of_a_newer_version_is_refused_and_left_alone(old: Data) -> None:
    newer = "INSERT INTO django_migrations (app, name, applied) VALUES ('audit', '{}', CURRENT_TIMESTAMP)"
    old.execute(newer.format("0998_later") + ";" + newer.format("0999_later_still"))
    # What an app left that is there no more is no sign of a newer version.
    old.execute("INSERT INTO django_migrations (app, name, applied) VALUES ('gone', '0001_x', CURRENT_TIMESTAMP)")
    before = old.migrations()
    words = "The data is of a newer version of AURA (it has audit.0998_later and 1 more), and there is no way back"
    for command in ("upgrade", "bootstrap"):
        done = old.manage(command)
        assert (done.returncode, words in done.stderr) == (1, True), done.stderr
    settings = {**old.environment, "AURA_VENV": sys.prefix, "AURA_PORT": str(free_port())}
    up = subprocess.run(
        ["./aura", "up", "--detach"], cwd=ROOT, env=settings, capture_output=True, text=True, check=False
    )
    assert (up.returncode, up.stderr.splitlines()[0].startswith(words)) == (1, True), up.stderr
    assert old.migrations() == before
    assert not (old.folder / "backups").exists()


@OF_SQLITE
def test_without_a_backup_nothing_is_changed_unless_asked_for(old: Data) -> None:
    (old.folder / "backups").mkdir()
    (old.folder / "backups").rmdir()
    (old.folder / "checkpoints").mkdir()
    (old.folder / "checkpoints" / "unreadable").symlink_to(old.folder / "nowhere")
    before = old.migrations()
    done = old.manage("upgrade")
    assert done.returncode == 1
    assert "no backup of it can be made first" in done.stderr
    assert "manage.py upgrade --without-backup" in done.stderr
    assert old.migrations() == before
    assert old.manage("upgrade", "--without-backup").returncode == 0
    assert before < old.migrations()
    assert list((old.folder / "backups").iterdir()) == []


@OF_SQLITE
def test_a_server_does_not_begin_on_a_database_that_lacks_something(old: Data) -> None:
    server = old.server()
    with pytest.raises(AssertionError, match=r"lacks \d+ migrations of this version"):
        server.start()
    assert "manage.py upgrade" in server.log()
    # One that has more, as while the servers are restarted one after the other, is served.
    assert old.manage("upgrade", "--verbosity=0").returncode == 0
    old.execute("INSERT INTO django_migrations (app, name, applied) VALUES ('audit', '0999_x', CURRENT_TIMESTAMP)")
    server = old.server()
    server.start()
    server.stop()
    assert "the database is of a newer version of AURA: it has audit.0999_x" in server.log()


def test_backups_of_upgrades_are_not_kept_for_ever(tmp_path: Path, settings: Any) -> None:
    settings.AURA_DATA_DIR = tmp_path
    folder = upgrades.folder()
    folder.mkdir()
    made = {"before-upgrade-old.tar": upgrades.KEEP_DAYS + 1, "before-upgrade-new.tar": 1, "by-hand.tar": 1_000}
    for name, days in made.items():
        (folder / name).touch()
        os.utime(folder / name, (time.time() - days * 86_400,) * 2)
    assert upgrades.forget_backups() == 1
    assert sorted(path.name for path in folder.iterdir()) == ["before-upgrade-new.tar", "by-hand.tar"]
