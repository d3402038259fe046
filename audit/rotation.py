"""Rotation of keys: fresh keys for what subjects say next, and another master key around all of them."""

import fcntl
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from audit import tracking, vault
from audit.models import Key, Subject
from audit.records.event import Event


def rotate_subjects(actor: str = tracking.RECORD_NAME) -> int:
    """Give every subject a fresh key for what comes next, and return how many there are. Old keys stay for reading."""
    count = 0

    def work(_head: int) -> list[Event]:
        nonlocal count
        fresh = [vault.new_key(row, vault.CONTENT) for row in Subject.objects.filter(erased=None).order_by("pk")]
        count = len(fresh)
        rows = [tracking.save(row) for row in [*fresh, vault.bump()]]
        return [tracking.state(rows, "every subject got a fresh key", actor=actor)]

    tracking.write(work)
    return count


def rotate_master(actor: str = tracking.RECORD_NAME) -> int:
    """Wrap every key by the present master key, and return how many were wrapped by another.

    With the master key in a file, a new one is written there first, and the old ones taken out afterwards. With
    AURA_RECORD_KEY, put the new key before the old one, with a blank between; take the old one out afterwards.
    """
    if settings.AUDIT_MASTER_KEY:
        return _wrap_all(actor)
    path = Path(settings.AUDIT_MASTER_KEY_FILE)
    with _held(path.parent):
        _write(path, [secrets.token_urlsafe(50), *path.read_text().split()])
        count = _wrap_all(actor)
        _write(path, path.read_text().split()[:1])
    return count


def _wrap_all(actor: str) -> int:
    master = vault.masters()[0]
    count = 0

    def work(_head: int) -> list[Event]:
        nonlocal count
        rows = []
        for key in Key.objects.exclude(master=master.name).order_by("pk"):
            vault.rewrap(key, vault.secret_of(key), master)
            rows.append(tracking.save(key))
        count = len(rows)
        rows.append(tracking.save(vault.bump()))
        return [tracking.state(rows, "every key was wrapped by another master key", actor=actor)]

    tracking.write(work)
    return count


def rotate_signing() -> str:
    """Write a new signing key before the old ones, which go on to count for checking; return its public key.

    Raises ValueError when the key comes from AURA_SIGNING_KEY: put the new one before the old there.
    """
    if settings.AUDIT_SIGNING_KEY:
        raise ValueError("put the new signing key before the old one in AURA_SIGNING_KEY, with a blank between")
    path = Path(settings.AUDIT_SIGNING_KEY_FILE)
    with _held(path.parent):
        _write(path, [secrets.token_urlsafe(50), *path.read_text().split()])
    return vault.public_keys()[0]


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold a folder of keys, after whoever has it: of two rotations at once each would take the other's key out of the file,
    and with it all that it wraps."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write(path: Path, lines: list[str]) -> None:
    """Replace a file of keys in one step, readable by its owner alone."""
    descriptor, name = tempfile.mkstemp(dir=path.parent)
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write("\n".join(lines) + "\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink()
        raise
    # The name, too, has to outlive a power failure: the database may say by then that the new key is in force.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
