"""Keys: who has which, rotation, and what other processes notice of it."""

import errno
import os
import threading
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connection

from audit import rotation, selectors, vault
from audit.journal import Journal
from audit.models import Content, Key, Subject
from audit.records.event import Event, Kind
from audit.records.sealing import key_of
from audit.vault import Vault
from tests.audit.scenario import converse

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def keys_of_a_test(settings: Any, tmp_path: Path) -> None:
    for name in ("MASTER", "SIGNING"):
        path = tmp_path / name
        path.write_text(f"the {name} key of a test, long enough by far".replace(" ", "-"))
        setattr(settings, f"AUDIT_{name}_KEY_FILE", path)


def texts(conversation: UUID) -> list[str]:
    return [turn.text for turn in selectors.full_transcript(conversation)]


def test_nothing_that_was_said_stands_in_the_tables_in_the_clear() -> None:
    converse("ada", "A question of mine", "An answer of yours")
    bodies = b"".join(bytes(body) for body in Content.objects.values_list("body", flat=True))
    assert len(bodies) > 300
    assert b"question" not in bodies
    assert b"answer" not in bodies
    with connection.cursor() as cursor:
        cursor.execute("SELECT sealed_title FROM audit_conversation")
        assert b"question" not in bytes(cursor.fetchone()[0])
    assert selectors.conversations(Subject.objects.get(name="ada").user)[0].title == "A question of mine"


def test_each_subject_has_a_key_of_its_own() -> None:
    converse("ada", "One", "Two")
    converse("eve", "One", "Two")
    names = {row.subject.name: row.pk for row in Key.objects.filter(purpose="content")}
    assert names.keys() == {"aura", "ada", "eve"}
    used = {
        entry.subject.name: key_of(bytes(entry.content.body))
        for entry in selectors._spoken()
    }  # fmt: skip
    assert used == {"ada": names["ada"], "eve": names["eve"]}


def test_fresh_keys_are_used_from_then_on_and_old_ones_still_read() -> None:
    conversation, _ = converse("ada", "One", "Two")
    call_command("rotate_keys")
    converse("ada", "Three", "Four", conversation=conversation)
    assert len({key_of(bytes(entry.content.body)) for entry in selectors._spoken()}) == 2
    assert texts(conversation) == ["One", "Two", "Three", "Four"]
    assert selectors.verify_chain()[1] is None


def test_another_master_key_in_the_file(settings: Any) -> None:
    conversation, _ = converse("ada", "One", "Two")
    before = Path(settings.AUDIT_MASTER_KEY_FILE).read_text()
    call_command("rotate_keys", "--master")
    after = Path(settings.AUDIT_MASTER_KEY_FILE).read_text()
    assert before.strip() not in after
    assert set(Key.objects.values_list("master", flat=True)) == {vault.masters()[0].name}
    vault.vault().forget()
    assert texts(conversation) == ["One", "Two"]
    assert selectors.verify_chain()[1] is None


def test_another_master_key_in_the_environment(settings: Any) -> None:
    conversation, _ = converse("ada", "One", "Two")
    old = Path(settings.AUDIT_MASTER_KEY_FILE).read_text()
    settings.AUDIT_MASTER_KEY = f"the-new-master-key-of-a-test-long-enough {old}"
    assert rotation.rotate_master() == 3
    settings.AUDIT_MASTER_KEY = "the-new-master-key-of-a-test-long-enough"
    vault.vault().forget()
    assert texts(conversation) == ["One", "Two"]


def test_two_rotations_at_once_come_one_after_the_other_and_all_can_be_read(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversation, _ = converse("ada", "One", "Two")
    wrap_all, over = rotation._wrap_all, threading.Event()
    other = threading.Thread(target=rotation.rotate_master)

    def beside(actor: str) -> int:
        if threading.current_thread() is other:
            over.wait(10)
            return wrap_all(actor)
        count = wrap_all(actor)
        # The other one begins when all is wrapped by this one's key, which is not yet alone in the file.
        other.start()
        other.join(0.5)
        return count

    monkeypatch.setattr(rotation, "_wrap_all", beside)
    rotation.rotate_master()
    over.set()
    other.join()
    assert len(Path(settings.AUDIT_MASTER_KEY_FILE).read_text().split()) == 1
    assert set(Key.objects.values_list("master", flat=True)) == {vault.masters()[0].name}
    vault.vault().forget()
    assert texts(conversation) == ["One", "Two"]


@pytest.mark.parametrize("which", ["--master", "--signing"])
def test_a_rotation_that_finds_no_room_leaves_the_keys_as_they_are(
    settings: Any, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    folder = Path(settings.AUDIT_MASTER_KEY_FILE).parent
    before = {path.name: path.read_text() for path in folder.iterdir()}

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        call_command("rotate_keys", which)
    assert {path.name: path.read_text() for path in folder.iterdir()} == before


def test_another_signing_key_leaves_old_heads_good(settings: Any) -> None:
    converse("ada", "One", "Two")
    first = vault.public_keys()
    call_command("rotate_keys", "--signing")
    assert vault.public_keys()[1:] == first
    converse("ada", "Three", "Four")
    assert selectors.verify_chain()[1] is None
    settings.AUDIT_SIGNING_KEY = "from-the-environment-and-long-enough"
    with pytest.raises(CommandError, match="before the old one"):
        call_command("rotate_keys", "--signing")


def test_a_short_key_is_refused(settings: Any) -> None:
    settings.AUDIT_MASTER_KEY = "short"
    with pytest.raises(ImproperlyConfigured, match="at least 32"):
        vault.masters()


def test_another_writer_notices_fresh_keys_and_new_subjects() -> None:
    other = Journal(keys=Vault())

    def write(journal: Journal, place: int) -> None:
        event = Event(Kind.CHUNK, UUID(int=1), UUID(int=2), 1, place, "ada", 5, "text")
        journal.submit([event]).result(10)

    own = Journal(keys=Vault())
    write(own, 0)
    write(other, 1)
    rotation.rotate_subjects()
    write(own, 2)
    write(other, 3)
    found = [key_of(bytes(body)) for body in Content.objects.filter(entry__kind="chunk").values_list("body", flat=True)]
    assert len(set(found[:2])) == len(set(found[2:])) == 1
    assert found[0] != found[2]
    assert Subject.objects.filter(name="ada").count() == 1
    own.close()
    other.close()
    assert selectors.verify_chain()[1] is None
