"""Erasure leaves the proofs and nothing else; a legal hold beats it."""

import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from audit import erasure, examiner, retention, selectors, signals, tracking
from audit.errors import NotFound, OnHold
from audit.journal import journal
from audit.models import (
    Content,
    Conversation,
    Entry,
    Flag,
    Hold,
    Key,
    Note,
    Receipt,
    RetentionPolicy,
    Subject,
    Summary,
    Word,
)  # fmt: skip
from audit.proofs import StoredTree, newest_head, prove_inclusion
from audit.records.checkpoint import check_note
from audit.records.merkle import check_inclusion
from audit.vault import signers
from tests.audit.scenario import converse, user_named

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).parents[2]


def erase(name: str, **options: Any) -> Receipt:
    subject = selectors.subject_named(name)
    assert subject is not None
    return erasure.erase_subject(subject, by="officer", reason="asked for", **options)


def good() -> None:
    assert selectors.verify_chain()[1] is None


def test_what_a_subject_said_is_gone_and_the_record_is_good() -> None:
    conversation, stream = converse("ada", "My number is 4111 1111 1111 1111", "I keep it to myself.")
    other, _ = converse("eve", "Hello", "Good day")
    examiner.examine_pending()
    user = Subject.objects.get(name="ada").user
    receipt = erase("ada")
    assert selectors.full_transcript(conversation) == []
    assert selectors.stream_history(user, stream) == []
    assert not Summary.objects.filter(stream=stream).exists()
    assert not Word.objects.filter(stream=stream).exists()
    assert not Flag.objects.exists()
    assert not Key.objects.filter(subject=receipt.subject).exists()
    shell = Conversation.objects.get(pk=conversation)
    assert (shell.title, shell.user) == ("", None)
    assert [turn.text for turn in selectors.full_transcript(other)] == ["Hello", "Good day"]
    assert receipt.entries == 5
    good()


def test_the_receipt_is_signed_and_says_what_was_taken() -> None:
    converse("ada", "One", "Two")
    receipt = erase("ada")
    body = check_note(receipt.note, [signers()[0].public])
    assert str(receipt.pk) in body
    assert '"entries": 4' in body
    assert re.search(r"\bada\b", body) is None  # alone: digests have these letters, too


def test_old_proofs_stay_good() -> None:
    converse("ada", "One", "Two")
    note, head = newest_head()
    tree = StoredTree()
    proofs = {number: prove_inclusion(number, note, head, tree) for number in range(1, head.size + 1)}
    erase("ada")
    leaves = dict(Entry.objects.values_list("seq", "hash"))
    for number, proof in proofs.items():
        assert check_inclusion(bytes(leaves[number]), number - 1, head.size, proof.hashes, head.root)
    good()


def test_the_account_is_left_without_a_name_and_cannot_be_used() -> None:
    user = user_named("ada", password="a password of hers", email="ada@example.org", first_name="Ada")
    converse("ada", "One", "Two")
    told: list[dict[str, Any]] = []

    def listener(**said: Any) -> None:
        told.append(said)

    signals.erased.connect(listener)
    erase("ada")
    signals.erased.disconnect(listener)
    user.refresh_from_db()
    assert re.fullmatch(r"erased-[0-9a-f]{16}", user.username)
    assert (user.email, user.first_name, user.is_active, user.has_usable_password()) == ("", "", False, False)
    assert [(one["name"], one["user"].pk, len(one["streams"])) for one in told] == [("ada", user.pk, 1)]
    with pytest.raises(NotFound):
        erasure.erase_subject(Subject.objects.get(erased__isnull=False), by="officer", reason="again")


def test_a_user_who_keeps_the_account_may_go_on() -> None:
    converse("ada", "One", "Two")
    erase("ada", keep_account=True)
    conversation, _ = converse("ada", "Three", "Four")
    assert [turn.text for turn in selectors.full_transcript(conversation)] == ["Three", "Four"]
    assert get_user_model().objects.get(username="ada").is_active
    good()


@pytest.mark.vendor("sqlite")  # reads the bytes of an SQLite file
def test_nothing_is_left_in_the_bytes_of_the_database() -> None:
    converse("ada", "Xylophone question of Zebulon", "Quixotic answer to him")
    examiner.examine_pending()
    conversation = Conversation.objects.get()
    note = Note(conversation=conversation, kind="review", author=user_named("zoe"), at=timezone.now())
    note.sealed_text = conversation.sealed_title
    tracking.keep(note, text="a note")
    subject = Subject.objects.get(name="ada")
    secrets = [
        bytes(body)[41:]
        for body in Content.objects.filter(
            entry__subject=subject, entry__kind__in=["prompt", "chunk", "done"]
        ).values_list("body", flat=True)
    ]
    secrets += [bytes(key.wrapped)[12:] for key in Key.objects.filter(subject=subject)]
    secrets += [bytes(conversation.sealed_title)[41:], b"Xylophone", b"Quixotic", b"Zebulon"]
    journal().close()
    path = Path(str(connection.settings_dict["NAME"]))

    def files() -> bytes:
        return b"".join(one.read_bytes() for one in path.parent.glob(path.name + "*"))

    before = files()
    assert sum(secret in before for secret in secrets) == len(secrets) - 3
    words = [word.to_bytes(8, "big") for word in Word.objects.values_list("word", flat=True)]
    assert any(word in before for word in words)
    erase("ada")
    journal().close()
    assert erasure.scrub()
    after = files()
    assert [secret for secret in secrets if secret in after] == []
    assert [word for word in words if word in after] == []
    assert b"Ada" not in after
    good()


def hold(**what: Any) -> Hold:
    made = Hold(reason="a lawsuit", placed=timezone.now(), **what)
    tracking.keep(made, text="a hold was placed")
    return made


@pytest.mark.parametrize("on", ["subject", "conversation"])
def test_a_legal_hold_beats_erasure_and_retention(on: str) -> None:
    conversation, _ = converse("ada", "One", "Two")
    tracking.keep(RetentionPolicy(name="short", days=1, enabled=True), text="a policy")
    subject = Subject.objects.get(name="ada")
    held = hold(**({"subject": subject} if on == "subject" else {"conversation_id": conversation}))
    with pytest.raises(OnHold):
        erase("ada")
    with pytest.raises(OnHold):
        erasure.erase_conversations([conversation], by="officer", reason="old")
    later = timezone.now() + timedelta(days=2)
    assert [(one.conversations, one.held) for one in retention.due(later)] == [([], 1)]
    assert retention.apply(by="retention", now=later) == []
    assert len(selectors.full_transcript(conversation)) == 2
    held.released = timezone.now()
    tracking.keep(held, text="a hold was released")
    assert len(retention.apply(by="retention", now=later)) == 1
    assert selectors.full_transcript(conversation) == []
    good()


def test_retention_takes_what_is_old_and_a_dry_run_takes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    old, _ = converse("ada", "Old", "Older")
    tracking.keep(RetentionPolicy(name="zero", days=0, enabled=True), text="a policy")
    tracking.keep(RetentionPolicy(name="off", days=0), text="a policy")
    call_command("apply_retention", "--dry-run")
    assert "zero: 1 conversations would be erased." in capsys.readouterr().out
    assert len(selectors.full_transcript(old)) == 2
    call_command("apply_retention")
    assert "4 entries of 1 conversations were erased" in capsys.readouterr().out
    assert selectors.full_transcript(old) == []
    call_command("apply_retention")
    assert "0 entries of 0 conversations" in capsys.readouterr().out
    good()


def test_content_put_back_after_erasure_is_found() -> None:
    from audit import immutability

    converse("ada", "One", "Two")
    kept = list(Content.objects.filter(entry__kind="chunk").values_list("entry_id", "body"))
    conversation = Conversation.objects.get()
    erasure.erase_conversations([conversation.pk], by="officer", reason="old")
    journal().close()
    immutability.remove(connection)
    Content.objects.create(entry_id=kept[0][0], body=kept[0][1])
    assert "its content was erased, and is back" in str(selectors.verify_chain()[1])


def test_the_command_asks_before_it_erases(capsys: pytest.CaptureFixture[str]) -> None:
    converse("ada", "One", "Two")
    call_command("erase_subject", "ada", "--reason", "asked for")
    assert "would be erased" in capsys.readouterr().out
    assert selectors.subject_named("ada") is not None
    call_command("erase_subject", "ada", "--reason", "asked for", "--yes")
    assert "aura/erasure" in capsys.readouterr().out
    with pytest.raises(CommandError, match="Nothing of ada"):
        call_command("erase_subject", "ada", "--reason", "asked for", "--yes")
    assert Receipt.objects.count() == 1


def test_what_a_process_leaves_that_dies_behind_the_commit_is_finished_by_another() -> None:
    conversation, stream = converse("ada", "One", "Two")
    other, _ = converse("eve", "Three", "Four")
    user = Subject.objects.get(name="ada").user
    told: list[dict[str, Any]] = []
    dead = True

    def listener(**said: Any) -> None:
        if dead:
            raise KeyboardInterrupt
        told.append({name: said[name] for name in ("user", "conversations", "streams")})

    signals.erased.connect(listener)
    try:
        with pytest.raises(KeyboardInterrupt):
            erase("ada")
        with pytest.raises(KeyboardInterrupt):
            erasure.erase_conversations([other], by="officer", reason="old")
        good()
        dead = False
        # Somebody may still be at it.
        assert erasure.finish_pending() == 0
        # One was begun before the clock was set back.
        first = Receipt.objects.earliest("at")
        Receipt.objects.filter(pk=first.pk).update(unfinished=timezone.now() + timedelta(days=9))
        assert erasure.finish_pending() == 1
        assert erasure.finish_pending(timedelta(0)) == 1
        assert erasure.finish_pending(timedelta(0)) == 0
    finally:
        signals.erased.disconnect(listener)
    assert told[0] == {"user": user, "conversations": [conversation], "streams": [stream]}
    assert (told[1]["user"], told[1]["conversations"]) == (None, [other])
    assert not Receipt.objects.exclude(unfinished=None, account=None).exists()
    good()


@pytest.mark.vendor("sqlite")  # kills a process that works on an SQLite file
def test_kill_9_in_the_middle_of_erasure_retention_and_rotation_leaves_a_good_record_and_no_rest(
    tmp_path: Path,
) -> None:
    environment = {**os.environ, "AURA_DATA_DIR": str(tmp_path), "PYTHONPATH": str(ROOT), "AURA_EXAMINE": "false"}
    environment.pop("DATABASE_URL", None)

    def manage(*arguments: str) -> str:
        command = [sys.executable, "manage.py", *arguments, "--settings=aura_site.settings"]
        done = subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    manage("migrate", "--verbosity=0")
    chance = random.Random(5)
    seen: set[bytes] = set()
    for number in range(6):
        command = [sys.executable, "-m", "tests.audit.upkeep", str(number)]
        with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            # Near another step each time.
            for _ in range(1 + number):
                seen.add(child.stdout.readline())
            time.sleep(chance.uniform(0, 0.05))
            child.send_signal(signal.SIGKILL)
        assert "entries are good" in manage("verify_audit")
    assert seen == {b"said\n", b"erased\n", b"retained\n", b"rotated\n"}
    code = "from datetime import timedelta; from audit import erasure; print(erasure.finish_pending(timedelta(0)))"
    manage("shell", "-v0", "-c", code)
    assert "entries are good" in manage("verify_audit")
    with closing(sqlite3.connect(tmp_path / "aura.sqlite3")) as database:

        def count(query: str) -> int:
            return int(database.execute(query).fetchone()[0])

        erased = count("SELECT count(*) FROM audit_subject WHERE erased IS NOT NULL")
        assert erased >= 3
        # Of the talks before the last kill of each process something may be left; of who was erased nothing.
        assert count("SELECT count(*) FROM compression_sample") <= 6
        for table, column in (("audit_content", "entry_id"), ("audit_key", "subject_id")):
            entries = "SELECT e.seq FROM audit_entry e JOIN audit_subject s ON s.id = e.subject_id"
            inside = {
                "entry_id": f"{entries} WHERE s.erased IS NOT NULL AND e.kind NOT IN ('state', 'access', 'erasure')",
                "subject_id": "SELECT id FROM audit_subject WHERE erased IS NOT NULL",
            }[column]
            assert count(f"SELECT count(*) FROM {table} WHERE {column} IN ({inside})") == 0
        assert count("SELECT count(*) FROM audit_receipt WHERE unfinished IS NOT NULL OR account_id IS NOT NULL") == 0
