"""Upgrades: what a database lacks for this version, a backup before it is changed, and no way back from a newer one."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from audit import vault
from audit.records.sealing import SealBroken
from aura_site import backups

# Days that a backup made before an upgrade is kept: long enough to notice, and no longer, for it holds what is erased later.
KEEP_DAYS = 14
_PATTERN = "before-upgrade-*.tar"


class UpgradeError(Exception):
    """A database that this version cannot take over; the message is one sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a database stands to this version: whether it is `empty`, which migrations it lacks (`pending`), and which it has
    that this version does not know (`unknown`); all as `app.name`, in order."""

    empty: bool
    pending: tuple[str, ...]
    unknown: tuple[str, ...]


def standing() -> Standing:
    """Return how the database stands to this version. Raises DatabaseError when it does not answer."""
    executor = MigrationExecutor(connection)
    loader = executor.loader
    known = set(loader.disk_migrations)
    for migration in loader.disk_migrations.values():
        known.update(migration.replaces)
    applied = set(loader.applied_migrations)
    # An app that is no longer there has left its own behind; they say nothing.
    unknown = sorted(key for key in applied - known if key[0] in loader.migrated_apps)
    plan = executor.migration_plan(loader.graph.leaf_nodes())
    return Standing(
        empty=not applied,
        pending=tuple(f"{migration.app_label}.{migration.name}" for migration, _ in plan),
        unknown=tuple(map(".".join, unknown)),
    )


def folder() -> Path:
    """Return where the backups stand that upgrades make."""
    return Path(settings.AURA_DATA_DIR) / "backups"


def upgrade(*, backup: bool = True) -> Path | None:
    """Bring the database to this version. Return the backup that was made before: None when there was nothing to keep or
    to change, or without `backup`.

    Raises UpgradeError, before anything is changed, for a database that cannot be opened or is of a newer version, and when
    no backup can be made.
    """
    try:
        connection.ensure_connection()
    except OperationalError as error:
        why = str(error).strip().partition("\n")[0]
        raise UpgradeError(f"The database cannot be opened ({why}): mend that, or set DATABASE_URL.") from None
    found = standing()
    if found.unknown:
        more = f" and {len(found.unknown) - 1} more" if len(found.unknown) > 1 else ""
        raise UpgradeError(
            f"The data is of a newer version of AURA (it has {found.unknown[0]}{more}), and there is no way back: start that"
            " version, or restore a backup that this one made."
        )
    made = _back_up() if backup and found.pending and not found.empty else None
    call_command("migrate", verbosity=0, interactive=False)
    forget_backups()
    return made


def check_keys() -> None:
    """Raise UpgradeError for a record whose keys are not here: a fresh master key has then been made in a folder that is
    empty, and every question would fail."""
    try:
        vault.check()
    except SealBroken as error:
        raise UpgradeError(
            f"The record cannot be opened: {error}, or put {settings.AUDIT_MASTER_KEY_FILE} back as it was."
        ) from None


def forget_backups() -> int:
    """Delete the backups that upgrades made more than KEEP_DAYS ago; return how many."""
    oldest = time.time() - KEEP_DAYS * 86_400
    old = [path for path in folder().glob(_PATTERN) if path.stat().st_mtime < oldest]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)


def _back_up() -> Path:
    folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    out = folder() / f"before-upgrade-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}.tar"
    try:
        backups.back_up(out)
    except backups.BackupError as error:
        raise UpgradeError(
            f"The data is of an earlier version, and no backup of it can be made first: {error} Mend that, or make one"
            " yourself and run: manage.py upgrade --without-backup"
        ) from None
    return out
