"""A record from before the vault is sealed by the migrations, and nothing of it stays in the clear."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAID = "What was said before there were seals"


@pytest.mark.vendor("sqlite")  # makes an SQLite file of an earlier version
def test_an_earlier_record_is_sealed(tmp_path: Path) -> None:
    environment = {**os.environ, "AURA_DATA_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    environment.pop("DATABASE_URL", None)

    def manage(*arguments: str) -> str:
        command = [sys.executable, "manage.py", *arguments, "--settings=aura_site.settings"]
        done = subprocess.run(
            command, check=False, cwd=ROOT, env=environment, timeout=120, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    manage("migrate", "auth", "--verbosity=0")
    manage("migrate", "audit", "0001", "--verbosity=0")
    path = tmp_path / "aura.sqlite3"
    manage(
        "shell", "--verbosity=0", "-c", "from django.contrib.auth.models import User; User.objects.create_user('ada')"
    )
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(
            "INSERT INTO audit_conversation (id, user_id, title, created, updated) VALUES (?, 1, ?, ?, ?)",
            ["0" * 31 + "1", SAID, "2026-01-01 00:00:00", "2026-01-02 00:00:00"],
        )
        for number in range(1, 2500):
            kind = "prompt" if number == 1 else "chunk"
            database.execute(
                "INSERT INTO audit_entry (seq, conversation_id, stream, epoch, offset, kind, actor, at, content_hash,"
                " previous, hash) VALUES (?, ?, ?, 1, ?, ?, 'ada', ?, x'00', x'00', x'00')",
                [number, "0" * 31 + "1", "0" * 31 + "2", max(0, number - 2), kind, 1_700_000_000_000_000 + number],
            )
            body = json.dumps({"meta": {}, "text": f"{SAID} {number}"})
            database.execute("INSERT INTO audit_content (entry_id, body) VALUES (?, ?)", [number, body])
    manage("migrate", "--verbosity=0")
    assert "2501 entries are good" in manage("verify_audit")
    read = (
        "from audit import selectors; from audit.models import Conversation; one = Conversation.objects.get();"
        "print(one.title, one.subject.name, selectors.full_transcript(one.pk)[1].text[-4:])"
    )
    assert manage("shell", "--verbosity=0", "-c", read).strip().splitlines()[-1] == f"{SAID} ada 2499"
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert SAID.encode() not in path.read_bytes()
