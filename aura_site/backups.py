"""Backups: the database and the signed heads of its record in one file, the keys in another; and the way back.

A backup is a tar archive: `manifest.json` first (format, database, time, and the SHA-256 of every other member), then
`checkpoints/` and `database.sqlite3` or `database.dump`. The heads are copied before the database, so that no head is of an
entry that the copy lacks. AURA may run meanwhile.
"""

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.db import connection

from aura_site import selectors
from aura_site.launcher.errors import is_full
from aura_site.models import Heartbeat
from aura_site.process_lock import WORKERS, AnotherServer, ProcessLock

FORMAT = 1
MANIFEST = "manifest.json"
MANIFEST_LIMIT = 1_000_000
DATABASES = {"sqlite": "database.sqlite3", "postgresql": "database.dump"}
_PIECE = 1 << 20
_THERE = "{} is there already: give another name."
LEFT_SECONDS = 86_400
# A worker that lives shows so every 5 seconds.
BEATS = timedelta(seconds=12)


class BackupError(Exception):
    """A backup that cannot be made, read or put back; the message is one sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back: the backup's manifest, and where that stands which was there before."""

    manifest: dict[str, Any]
    before: list[Path]


def check_out(out: Path) -> None:
    """Raise BackupError for a file that no backup can be written to, before a long copy is made for nothing."""
    if not out.parent.is_dir():
        raise BackupError(f"There is no folder {out.parent}: make it, or give another one.")
    if out.exists():
        raise BackupError(_THERE.format(out))


def back_up(out: Path) -> dict[str, Any]:
    """Write a backup to the file `out`, which must not be there yet, and return its manifest. Raises BackupError."""
    check_out(out)
    with _room() as folder:
        heads = Path(settings.AUDIT_CHECKPOINT_DIR)
        if heads.is_dir():
            shutil.copytree(heads, folder / "checkpoints")
        name = DATABASES[connection.vendor]
        (_copy_sqlite if connection.vendor == "sqlite" else _dump_postgresql)(folder / name)
        return _pack(folder, out, {"database": connection.vendor})


def back_up_keys(out: Path) -> dict[str, Any]:
    """Write the files of `keys/` to the file `out`, as `back_up` does. Keys in the environment the operator keeps."""
    check_out(out)
    keys = Path(settings.AURA_DATA_DIR) / "keys"
    with _room() as folder:
        shutil.copytree(keys, folder / "keys")
        return _pack(folder, out, {"keys": True})


def read_manifest(file: Path) -> dict[str, Any]:
    """Return the manifest of a backup after checking every member against it. Raises BackupError."""
    try:
        with tarfile.open(file, "r:") as archive:
            members = iter(archive)
            first = next(members, None)
            if first is None or first.name != MANIFEST or first.size > MANIFEST_LIMIT:
                raise BackupError(f"{file} is no backup of AURA.")
            manifest = json.load(_opened(archive, first))
            if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
                raise BackupError(f"{file} is of another format: use the version of AURA that made it.")
            wanted = dict(manifest["files"])
            for member in members:
                if not member.isfile() or wanted.pop(member.name, None) != _digest(_opened(archive, member)):
                    raise BackupError(f"{member.name} in {file} is not what was backed up: use another copy.")
            if wanted:
                raise BackupError(f"{sorted(wanted)[0]} is missing in {file}: use another copy.")
    except (OSError, tarfile.TarError, ValueError, KeyError, TypeError) as error:
        raise BackupError(f"{file} cannot be read ({error}).") from None
    return manifest


def restore(file: Path, *, replace: bool) -> Restored:
    """Put a backup in the place of the present database and heads. What was there is moved aside (SQLite), or dropped when
    `replace` allows it (PostgreSQL). Raises BackupError, before anything is changed, when AURA runs or the backup is not
    whole.
    """
    manifest = read_manifest(file)
    if manifest.get("database") != connection.vendor:
        there = manifest.get("database", "keys alone")
        raise BackupError(f"{file} holds {there}, and DATABASE_URL is {connection.vendor}: set it to the same kind.")
    with _alone(), _room() as folder:
        _unpack(file, folder)
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
        copy = folder / DATABASES[connection.vendor]
        before = _put_sqlite(copy, stamp, replace) if connection.vendor == "sqlite" else _put_postgresql(copy, replace)
        heads = Path(settings.AUDIT_CHECKPOINT_DIR)
        before += _aside(heads, stamp)
        if (folder / "checkpoints").is_dir():
            shutil.move(folder / "checkpoints", heads)
    return Restored(manifest, before)


def check_keys(file: Path) -> None:
    """Raise BackupError for what is no backup of keys."""
    if not read_manifest(file).get("keys"):
        raise BackupError(f"{file} holds no keys: give what `backup --keys FILE` wrote.")


def restore_keys(file: Path) -> list[Path]:
    """Put the files of `keys/` back; what was there is moved aside. Return where it is. Raises BackupError."""
    check_keys(file)
    keys = Path(settings.AURA_DATA_DIR) / "keys"
    with _room() as folder:
        _unpack(file, folder)
        before = _aside(keys, datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f"))
        shutil.move(folder / "keys", keys)
    return before


# -- archives ------------------------------------------------------------------------------------------------------


@contextmanager
def _alone() -> Iterator[None]:
    """Hold the data alone: nothing of AURA starts here meanwhile. Raises BackupError when something runs."""
    with ExitStack() as held:
        for lock in (ProcessLock(alone=True), ProcessLock(alone=True, name=WORKERS)):
            try:
                lock.take()
            except AnotherServer:
                raise BackupError("AURA runs here: stop it first (./aura down).") from None
            held.callback(lock.release)
        # Who uses an SQLite file is here.
        if connection.vendor != "sqlite":
            _check_elsewhere()
        yield


def _check_elsewhere() -> None:
    """Raise BackupError when a worker on another machine shows life. One that was stopped a moment ago is waited for."""
    if Heartbeat._meta.db_table not in connection.introspection.table_names():
        return
    seen = selectors.worker_seen()
    # Not until it is old by our clock: the other machine's may be ahead.
    ends = time.monotonic() + BEATS.total_seconds()
    while seen is not None and datetime.now(UTC) - seen < BEATS and time.monotonic() < ends:
        time.sleep(0.5)
        if selectors.worker_seen() != seen:
            raise BackupError(
                "AURA runs on another machine: its worker shows life. Stop all of it there, then try again."
            )


@contextmanager
def _room() -> Iterator[Path]:
    """Yield a folder of our own, on the disk of the data folder."""
    data = Path(settings.AURA_DATA_DIR)
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        # What a command that was killed has left; younger ones may be another's that still runs.
        for left in data.glob("backup-*"):
            if left.stat().st_mtime < time.time() - LEFT_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix="backup-", dir=data) as name:
            yield Path(name)
    except (OSError, sqlite3.Error) as error:
        raise BackupError(_explained(error, data)) from error


def _explained(error: OSError | sqlite3.Error, data: Path) -> str:
    """Return one sentence for what broke a backup off."""
    if is_full(error):
        return f"The disk is full: make room where the backup goes, and as much in {data}, where it is made."
    if isinstance(error, sqlite3.Error):
        return f"The database cannot be copied ({error})."
    return f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"


def _pack(folder: Path, out: Path, what: dict[str, Any]) -> dict[str, Any]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    names = {str(path.relative_to(folder)): path for path in files}
    made = datetime.now(UTC).isoformat(timespec="seconds")
    digests = {}
    for name, path in names.items():
        with path.open("rb") as source:
            digests[name] = _digest(source)
    manifest = {"format": FORMAT, "made": made, **what, "files": digests}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1))
    # Its owner's alone from its first byte, whole or not there at all, and never in the place of another one, which may be
    # made at the same time: so it has a draft of its own.
    descriptor, name = tempfile.mkstemp(prefix=f"{out.name}.", suffix=".unfinished", dir=out.parent)
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as target:
            with tarfile.open(fileobj=target, mode="w:") as archive:
                for name, path in {MANIFEST: folder / MANIFEST, **names}.items():
                    archive.add(path, name)
            target.flush()
            os.fsync(target.fileno())
        out.hardlink_to(draft)
    except FileExistsError:
        raise BackupError(_THERE.format(out)) from None
    finally:
        draft.unlink()
    return manifest


def _unpack(file: Path, folder: Path) -> None:
    """Write the members that the manifest names, and nothing else, into a folder."""
    with tarfile.open(file, "r:") as archive:
        for member in archive:
            parts = Path(member.name).parts
            if not member.isfile() or member.name.startswith("/") or ".." in parts or len(parts) > 2:
                raise BackupError(f"{member.name!r} has no place in a backup.")
            target = folder / member.name
            target.parent.mkdir(mode=0o700, exist_ok=True)
            with target.open("xb") as copy:
                target.chmod(0o600)
                shutil.copyfileobj(_opened(archive, member), copy, _PIECE)


def _opened(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    opened = archive.extractfile(member)
    if opened is None:
        raise BackupError(f"{member.name!r} has no place in a backup.")
    return opened


def _digest(source: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while piece := source.read(_PIECE):
        digest.update(piece)
    return digest.hexdigest()


def _aside(path: Path, stamp: str) -> list[Path]:
    """Move what is there out of the way; return where it went."""
    if not path.exists():
        return []
    target = path.with_name(f"{path.name}.before-{stamp}")
    path.rename(target)
    return [target]


# -- SQLite --------------------------------------------------------------------------------------------------------


def _file() -> Path:
    return Path(str(settings.DATABASES["default"]["NAME"]))


def _copy_sqlite(out: Path) -> None:
    """Copy the database as it is at one moment, beside whoever writes (https://www.sqlite.org/backup.html)."""
    with closing(sqlite3.connect(_file())) as source, closing(sqlite3.connect(out)) as target:
        source.backup(target)
        # One file, without a log beside it.
        target.execute("PRAGMA journal_mode=DELETE")


def _put_sqlite(copy: Path, stamp: str, replace: bool) -> list[Path]:
    with closing(sqlite3.connect(copy)) as database:
        (state,) = database.execute("PRAGMA quick_check").fetchone()
    if state != "ok":
        raise BackupError(f"The database in the backup is damaged ({state}): use another copy.")
    file = _file()
    if file.exists() and not replace:
        raise BackupError(f"{file} is there already: move it away, or give --replace to have it moved aside.")
    connection.close()
    before: list[Path] = []
    # SQLite finds the log of a file by the file's name, so it keeps its ending.
    for ending in ("", "-wal", "-shm"):
        path = file.with_name(file.name + ending)
        if path.exists():
            before.append(path.rename(file.with_name(f"{file.name}.before-{stamp}{ending}")))
    shutil.move(copy, file)
    return before


# -- PostgreSQL ----------------------------------------------------------------------------------------------------


def _run(program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs on AURA's database; the password is never on the command line."""
    if not (found := shutil.which(program)):
        raise BackupError(f"There is no {program}: install Debian's package postgresql-client.")
    database = settings.DATABASES["default"]
    given = {"PGHOST": "HOST", "PGPORT": "PORT", "PGUSER": "USER", "PGPASSWORD": "PASSWORD", "PGDATABASE": "NAME"}
    environment = {**os.environ, **{name: str(database[key]) for name, key in given.items() if database.get(key)}}
    if mode := database.get("OPTIONS", {}).get("sslmode"):
        environment["PGSSLMODE"] = str(mode)
    done = subprocess.run([found, *arguments], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise BackupError(f"{program} failed: {lines[-1] if lines else 'it gave no reason'}")


def _dump_postgresql(out: Path) -> None:
    _run("pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={out}")


def _put_postgresql(copy: Path, replace: bool) -> list[Path]:
    _run("pg_restore", "--list", "--file=/dev/null", str(copy))
    if connection.introspection.table_names() and not replace:
        raise BackupError("The database is not empty: make another one, or give --replace to have its tables dropped.")
    connection.close()
    clean = ["--clean", "--if-exists"] if replace else []
    name = str(settings.DATABASES["default"]["NAME"])
    _run("pg_restore", "--no-owner", "--no-privileges", "--single-transaction", f"--dbname={name}", *clean, str(copy))
    return []
