"""Full disks at every file operation: what was acknowledged is on the record, and the record is good."""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from django.db import connection

ROOT = Path(__file__).parents[2]
COMPILER = shutil.which("cc") or shutil.which("gcc")
pytestmark = pytest.mark.skipif(
    connection.vendor != "sqlite" or COMPILER is None, reason="lays a C library over SQLite's file operations"
)


def test_a_disk_that_fills_at_any_operation_loses_nothing_acknowledged(tmp_path: Path) -> None:
    shim, data = tmp_path / "faults.so", tmp_path / "data"
    source = str(Path(__file__).with_name("faults.c"))
    subprocess.run([str(COMPILER), "-shared", "-fPIC", "-o", str(shim), source, "-ldl"], check=True)
    environment = {**os.environ, "AURA_DATA_DIR": str(data), "PYTHONPATH": str(ROOT)}
    environment.pop("DATABASE_URL", None)

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**environment, **more},
            check=False,
            capture_output=True,
            text=True,
        )

    migrated = run("manage.py", "migrate", "--verbosity=0", "--settings=aura_site.settings")
    assert migrated.returncode == 0, migrated.stderr
    refused, known = 0, set()
    for place in (1, 3, 6, 9, 12, 20, 40, 1000):
        done = run("-m", "tests.audit.faults", LD_PRELOAD=str(shim), AURA_FAULT_AT=str(place))
        assert done.returncode == 0, done.stderr
        refused += "refused: the record cannot be written now" in done.stderr
        known.update(map(int, done.stdout.split()))
        with closing(sqlite3.connect(data / "aura.sqlite3")) as database:
            kept = {row[0] for row in database.execute("SELECT seq FROM audit_entry")}
        assert known <= kept
    assert refused >= 4
    assert len(known) >= 8
    checked = run("manage.py", "verify_audit", "--settings=aura_site.settings")
    assert "entries are good" in checked.stdout, checked.stderr
