"""Backup and restore: of a server that runs, on SQLite and PostgreSQL, with the record proved whole afterwards."""

import errno
import io
import json
import os
import shutil
import sqlite3
import tarfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from aura_site import backups
from aura_site.models import Heartbeat
from aura_site.process_lock import WORKERS, AnotherServer, ProcessLock
from aura_site.services import record_heartbeat
from aura_site.serving import Serving
from tests.live import LiveServer
from tests.services import postgres_database, redis_server


def ask(server: LiveServer, words: str) -> None:
    status, _, body = server.get(f"/api/v1/stream/chat?q={words}&model=fast")
    assert (status, "event: done" in body) == (200, True)


@contextmanager
def databases(vendor: str) -> Iterator[list[dict[str, str]]]:
    """Yield settings for two databases: one to be backed up, an empty one to restore into."""
    if vendor == "sqlite":
        yield [{}, {}]
        return
    with postgres_database() as first, postgres_database() as second:
        yield [{"DATABASE_URL": first}, {"DATABASE_URL": second}]


@pytest.mark.parametrize(
    "vendor", [pytest.param(name, marks=pytest.mark.vendor(name)) for name in ("sqlite", "postgresql")]
)
def test_what_was_said_is_there_again_and_proved(tmp_path: Path, vendor: str) -> None:
    out, keys = tmp_path / "backup.tar", tmp_path / "keys.tar"
    with databases(vendor) as (first, second):
        server = LiveServer(tmp_path / "first", AURA_CHECKPOINT_SECONDS="0.1", **first)
        server.start()
        try:
            ask(server, "Remember+the+axolotl")
            told = server.manage("backup", str(out), "--keys", str(keys))
            assert f"{vendor}, " in told
            assert "The keys are not in it" in server.manage("backup", str(tmp_path / "again.tar"))
            # The server has gone on meanwhile.
            ask(server, "Too+late")
        finally:
            server.stop()
        assert out.stat().st_mode & 0o777 == keys.stat().st_mode & 0o777 == 0o600

        other = LiveServer.__new__(LiveServer)
        folder = tmp_path / "second"
        other.environment = {**server.environment, "AURA_DATA_DIR": str(folder), **second}
        # In a new place there are other keys.
        assert "restore it once more with --replace and --keys" in other.manage("restore", str(out), check=False)
        told = other.manage("restore", str(out), "--keys", str(keys), "--replace")
        assert "entries are good" in told
        transcript = other.manage("shell", "--verbosity=0", "-c", SHOW)
        assert "Remember the axolotl" in transcript
        assert "Too late" not in transcript


SHOW = """
from django.contrib.auth import get_user_model
from audit import selectors
user = get_user_model().objects.get(username="ada")
for conversation in selectors.conversations(user):
    print([turn for turn in selectors.transcript(user, conversation.id)])
"""


def archive(path: Path, *members: tuple[str, bytes]) -> Path:
    with tarfile.open(path, "w") as made:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            made.addfile(info, io.BytesIO(content))
    return path


def manifest(**files: bytes) -> bytes:
    digests = {name: backups._digest(io.BytesIO(content)) for name, content in files.items()}
    return json.dumps({"format": 1, "database": "sqlite", "files": digests}).encode()


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ([("a", b"x")], "is no backup of AURA"),
        ([("manifest.json", b"{}")], "another format"),
        ([("manifest.json", b"nonsense")], "cannot be read"),
        ([("manifest.json", b'{"format": 1}')], "cannot be read"),
        ([("manifest.json", manifest(a=b"x"))], "a is missing"),
        ([("manifest.json", manifest(a=b"x")), ("a", b"y")], "not what was backed up"),
        ([("manifest.json", manifest(a=b"x")), ("a", b"x"), ("b", b"x")], "not what was backed up"),
    ],
)
def test_what_is_no_backup_or_was_changed_is_refused(
    tmp_path: Path, members: list[tuple[str, bytes]], words: str
) -> None:
    with pytest.raises(backups.BackupError, match=words):
        backups.read_manifest(archive(tmp_path / "x.tar", *members))


def test_a_member_cannot_leave_its_folder(tmp_path: Path) -> None:
    for name in ("../evil", "/etc/evil", "a/b/c"):
        with pytest.raises(backups.BackupError, match="no place"):
            backups._unpack(archive(tmp_path / "x.tar", (name, b"x")), tmp_path / "folder")
    assert not (tmp_path / "evil").exists()
    with pytest.raises(backups.BackupError, match="cannot be read"):
        backups.read_manifest(tmp_path / "none")


@pytest.mark.vendor("sqlite")
def test_while_aura_runs_or_a_file_is_there_nothing_is_changed(tmp_path: Path, settings) -> None:
    settings.AURA_DATA_DIR = tmp_path
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "record_key").write_text("secret")
    for name, age in (("backup-old", 2), ("backup-running", 0)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (time.time() - age * backups.LEFT_SECONDS,) * 2)
    backups.back_up_keys(tmp_path / "keys.tar")
    # What a killed command left is gone, what another one works in is not.
    assert [path.name for path in tmp_path.glob("backup-*")] == ["backup-running"]
    with pytest.raises(backups.BackupError, match="is there already"):
        backups.back_up_keys(tmp_path / "keys.tar")
    with pytest.raises(backups.BackupError, match="holds keys alone"):
        backups.restore(tmp_path / "keys.tar", replace=True)
    whole = archive(tmp_path / "whole.tar", ("manifest.json", manifest()))
    for running in (ProcessLock(alone=False), ProcessLock(alone=False, name=WORKERS)):
        running.take()
        try:
            with pytest.raises(backups.BackupError, match="AURA runs here"):
                backups.restore(whole, replace=True)
        finally:
            running.release()
    with pytest.raises(CommandError, match="holds no keys"):
        call_command("restore", whole, keys=whole, replace=True)
    (before,) = backups.restore_keys(tmp_path / "keys.tar")
    assert (before / "record_key").read_text() == (tmp_path / "keys" / "record_key").read_text() == "secret"


def test_beside_servers_with_redis_nothing_is_put_back(tmp_path: Path) -> None:
    with redis_server(tmp_path) as url:
        server = LiveServer(tmp_path / "data", REDIS_URL=url)
        beside = LiveServer(tmp_path / "data", beside=server)
        server.start()
        beside.start()
        try:
            server.manage("backup", str(tmp_path / "backup.tar"))
            server.stop()
            told = server.manage("restore", str(tmp_path / "backup.tar"), "--replace", check=False)
            assert "AURA runs here: stop it first" in told
            assert not list((tmp_path / "data").glob("*.before-*"))
        finally:
            server.stop()
            beside.stop()
        assert "entries are good" in server.manage("restore", str(tmp_path / "backup.tar"), "--replace")


@pytest.mark.django_db
def test_with_redis_nothing_starts_while_a_backup_is_put_back(tmp_path: Path, settings) -> None:
    settings.AURA_DATA_DIR, settings.REDIS_URL = tmp_path, "redis://127.0.0.1:1"
    with backups._alone():
        for alone in (False, True):
            with pytest.raises(AnotherServer, match="A backup is being put back"):
                Serving(None, alone=alone)._lock.take()
        with pytest.raises(CommandError, match="A backup is being put back"):
            call_command("bridges")
    # Servers of every kind share what they hold.
    locks = [Serving(None, alone=alone)._lock for alone in (False, True)]
    for lock in locks:
        lock.take()
    with pytest.raises(backups.BackupError, match="AURA runs here"), backups._alone():
        pass
    for lock in locks:
        lock.release()


@pytest.mark.vendor("postgresql")
@pytest.mark.django_db(transaction=True)
def test_beside_a_worker_on_another_machine_nothing_is_put_back(
    tmp_path: Path, settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.AURA_DATA_DIR = tmp_path
    monkeypatch.setattr(backups, "BEATS", timedelta(seconds=2))
    record_heartbeat("worker")
    # One that has been stopped; also where the other machine's clock was ahead.
    for ahead in (timedelta(0), timedelta(hours=1)):
        Heartbeat.objects.update(at=timezone.now() + ahead)
        begun = time.monotonic()
        with backups._alone():
            assert time.monotonic() - begun < 10
    done = threading.Event()

    def live() -> None:
        while not done.wait(0.2):
            record_heartbeat("worker")
        connection.close()

    record_heartbeat("worker")
    worker = threading.Thread(target=live)
    worker.start()
    try:
        with pytest.raises(backups.BackupError, match="on another machine: its worker shows life"), backups._alone():
            pass
    finally:
        done.set()
        worker.join()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (sqlite3.OperationalError("database or disk is full"), "The disk is full: make room"),
        (OSError(errno.ENOSPC, "No space left on device"), "The disk is full: make room"),
        (shutil.Error([("a", "b", "[Errno 28] No space left on device: 'a' -> 'b'")]), "The disk is full: make room"),
        (sqlite3.DatabaseError("file is not a database"), "cannot be copied"),
    ],
)
def test_what_breaks_a_backup_off_is_one_sentence_and_leaves_nothing(
    tmp_path: Path, settings, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    settings.AURA_DATA_DIR = tmp_path / "data"
    settings.AUDIT_CHECKPOINT_DIR = tmp_path / "none"

    def broken(*_arguments: Any) -> None:
        raise error

    monkeypatch.setattr(backups, "_copy_sqlite", broken)
    monkeypatch.setattr(backups, "_dump_postgresql", broken)
    with pytest.raises(backups.BackupError, match=words):
        backups.back_up(tmp_path / "out.tar")
    monkeypatch.undo()
    settings.AURA_DATA_DIR = tmp_path / "data"
    (tmp_path / "data" / "keys").mkdir()
    monkeypatch.setattr(tarfile.TarFile, "add", broken)
    with pytest.raises(backups.BackupError, match=words):
        backups.back_up_keys(tmp_path / "out.tar")
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_where_keys_cannot_go_nothing_is_backed_up(tmp_path: Path) -> None:
    (tmp_path / "there.tar").touch()
    for keys, words in (
        (tmp_path / "none" / "x.tar", "There is no folder"),
        (tmp_path / "there.tar", "is there already"),
    ):
        with pytest.raises(CommandError, match=words):
            call_command("backup", str(tmp_path / "out.tar"), "--keys", str(keys))
    assert not (tmp_path / "out.tar").exists()


def test_of_two_at_once_under_one_name_one_is_whole_and_the_other_refused(
    tmp_path: Path, settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.AURA_DATA_DIR = tmp_path / "data"
    (tmp_path / "data" / "keys").mkdir(parents=True)
    (tmp_path / "data" / "keys" / "a").write_bytes(os.urandom(100_000))
    out, add = tmp_path / "out.tar", tarfile.TarFile.add

    def beside(archive: tarfile.TarFile, *given: Any) -> None:
        monkeypatch.setattr(tarfile.TarFile, "add", add)
        add(archive, *given)
        backups.back_up_keys(out)

    monkeypatch.setattr(tarfile.TarFile, "add", beside)
    with pytest.raises(backups.BackupError, match="is there already"):
        backups.back_up_keys(out)
    assert backups.read_manifest(out)["keys"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "out.tar"]


def test_what_was_there_before_is_whole_with_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, copy = tmp_path / "aura.sqlite3", tmp_path / "copy.sqlite3"
    monkeypatch.setattr(backups, "_file", lambda: file)
    with closing(sqlite3.connect(copy)) as database:
        database.execute("CREATE TABLE b (x)")
    with closing(sqlite3.connect(tmp_path / "live.sqlite3")) as writer:
        writer.executescript("PRAGMA journal_mode=WAL; CREATE TABLE a (x); INSERT INTO a VALUES (1)")
        # As a server that was killed leaves it: what was said last stands in the log alone.
        for ending in ("", "-wal"):
            shutil.copy(tmp_path / f"live.sqlite3{ending}", f"{file}{ending}")
    before = backups._put_sqlite(copy, "STAMP", True)
    assert [path.name for path in before] == ["aura.sqlite3.before-STAMP", "aura.sqlite3.before-STAMP-wal"]
    with closing(sqlite3.connect(before[0])) as database:
        assert database.execute("SELECT x FROM a").fetchall() == [(1,)]


def test_a_copy_beside_a_writer_is_of_one_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "live.sqlite3"
    monkeypatch.setattr(backups, "_file", lambda: file)
    with closing(sqlite3.connect(file)) as writer:
        writer.executescript(
            "PRAGMA journal_mode=WAL; CREATE TABLE a (x); CREATE TABLE b (x); INSERT INTO a VALUES (1)"
        )
        writer.commit()
        writer.execute("INSERT INTO b VALUES (1)")  # not committed
        backups._copy_sqlite(tmp_path / "copy.sqlite3")
        writer.commit()
    with closing(sqlite3.connect(tmp_path / "copy.sqlite3")) as copy:
        assert copy.execute("SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b)").fetchone() == (1, 0)
    assert not (tmp_path / "copy.sqlite3-wal").exists()
