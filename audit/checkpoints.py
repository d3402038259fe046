"""Signed heads of the record: made by the journal, kept in the database and in files outside it.

A head is due AUDIT_CHECKPOINT_SECONDS after the first entry that no head covers. Nobody waits for one. The files stand in
AUDIT_CHECKPOINT_DIR, one a day, a JSON string a line, and are only ever appended to: copy them to where the database's
administrator cannot write, for they show what was cut off.
"""

import json
import logging
import os
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connections, transaction

from audit.records.checkpoint import BadCheckpoint, Head, read_head, verifier_key
from audit.records.merkle import Range
from audit.vault import signers

log = logging.getLogger(__name__)

PUBLIC_KEY = "public_key"
# Nodes of these heights are kept in the database, so that a proof reads some hundred hashes and not all.
KEPT_LEVELS = (8, 16, 24, 32)
_READ = 10_000


class Heads:
    """Publishes the heads of one database from the thread of its journal."""

    def __init__(self, alias: str = "default") -> None:
        self._alias = alias
        self._range: Range | None = None
        self._since: float | None = None

    def written(self) -> None:
        """Say that entries were committed."""
        if self._since is None:
            self._since = time.monotonic()

    def due(self) -> float | None:
        """Return the seconds until a head is due: 0 for now, None when every entry is covered."""
        if self._since is None:
            return None
        return max(0.0, self._since + float(settings.AUDIT_CHECKPOINT_SECONDS) - time.monotonic())

    def publish(self) -> None:
        """Sign and keep the present head. What goes wrong is logged, and tried again with the next."""
        if self._since is None:
            return
        self._since = None
        try:
            self._publish()
        except Exception:
            self._range = None
            self._since = time.monotonic()
            log.exception("no signed head of the record could be written")

    def _publish(self) -> None:
        connection = connections[self._alias]
        with connection.cursor() as cursor:
            tree = self._range or newest_range(cursor)
            before = tree.end
            grow(cursor, tree)
            if not tree.end or (tree.end == before and self._range is not None):
                return
            signer = signers()[0]
            note = signer.head(Head(tree.end, tree.root(), time.time_ns() // 1000))
            with transaction.atomic(using=self._alias):
                # Another process may have come first; SQLite's triggers would take ON CONFLICT for a replacement.
                cursor.execute("SELECT 1 FROM audit_checkpoint WHERE size = %s", [tree.end])
                if cursor.fetchone() is not None:
                    tree.kept.clear()
                    self._range = tree
                    return
                cursor.executemany(
                    "INSERT INTO audit_node (level, place, hash) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING", tree.kept
                )
                cursor.execute(
                    "INSERT INTO audit_checkpoint (size, note, nodes) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
                    [tree.end, note, tree.to_bytes()],
                )
        tree.kept.clear()
        self._range = tree
        keep_outside(note, signer.public)


def newest_range(cursor: Any) -> Range:
    """Return the tree up to the newest checkpoint in the database whose signature and nodes are good, else an empty one."""
    cursor.execute("SELECT size, note, nodes FROM audit_checkpoint ORDER BY size DESC LIMIT 1")
    row = cursor.fetchone()
    if row is not None:
        try:
            tree = Range.from_bytes(bytes(row[2]), keep=KEPT_LEVELS)
            stated = read_head(row[1], [signer.public for signer in signers()])
            if tree.end == stated.size and tree.root() == stated.root:
                return tree
        except (BadCheckpoint, ValueError) as error:
            log.error("checkpoint %s of the record is bad: %s", row[0], error)
    return Range(keep=KEPT_LEVELS)


def grow(cursor: Any, tree: Range) -> None:
    """Add the hashes of all entries behind the end of the tree."""
    while True:
        cursor.execute("SELECT seq, hash FROM audit_entry WHERE seq > %s ORDER BY seq LIMIT %s", [tree.end, _READ])
        rows = cursor.fetchall()
        for sequence, value in rows:
            if sequence != tree.end + 1:
                raise ValueError(f"entry {tree.end + 1} is missing: run manage.py verify_audit")
            tree.add(bytes(value))
        if len(rows) < _READ:
            return


def keep_outside(note: str, public: bytes) -> None:
    """Append a checkpoint to the file of the day, and write the public key beside it."""
    folder = Path(settings.AUDIT_CHECKPOINT_DIR)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    line = json.dumps(note).encode() + b"\n"
    path = folder / f"{datetime.now(UTC):%Y-%m-%d}.jsonl"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        # A line that a power failure cut short must not swallow this one.
        if os.fstat(descriptor).st_size and not _ends_a_line(path):
            line = b"\n" + line
        os.write(descriptor, line)
    finally:
        os.close(descriptor)
    key_file = folder / PUBLIC_KEY
    known = key_file.read_text().split() if key_file.exists() else []
    if verifier_key(public) not in known:
        key_file.write_text("\n".join([verifier_key(public), *known]) + "\n")


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def kept_outside() -> Iterator[str]:
    """Yield the checkpoints in the files of this machine, in the order of the days."""
    folder = Path(settings.AUDIT_CHECKPOINT_DIR)
    # Made with the first head.
    yield from read_files([folder] if folder.is_dir() else [])


def read_files(places: Iterable[Path]) -> Iterator[str]:
    """Yield the checkpoints in files, or in the files of folders; a line that was cut short is passed over.

    Raises OSError for a file that cannot be read.
    """
    for place in places:
        for path in sorted(place.glob("*.jsonl")) if place.is_dir() else [place]:
            yield from _read_file(path)


def _read_file(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                note = json.loads(line)
            except ValueError:
                if not line.rstrip("\n").endswith('"'):
                    continue  # cut short by a failure; a line that was changed keeps its end
                note = ""
            yield note if isinstance(note, str) else ""
