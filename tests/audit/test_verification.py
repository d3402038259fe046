"""Verification finds every tampering: a column, a row, the cut tail, another order, another chain; and no false alarm."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.apps import apps
from django.db import connection, models

from audit import checkpoints, immutability
from audit.journal import journal
from audit.models import Checkpoint, Content, Entry, Node, Word
from audit.records.chain import GENESIS, entry_hash
from audit.records.event import Event, Kind
from audit.verification import verify
from tests.audit.scenario import fill_every_table

pytestmark = pytest.mark.django_db(transaction=True)
MODELS = list(apps.get_app_config("audit").get_models())


@pytest.fixture
def record() -> Iterator[None]:
    """A record with a row in every table, and nothing that refuses to spoil it."""
    fill_every_table()
    many = [Event(Kind.CHUNK, UUID(int=1), UUID(int=2), 1, place, "ada", 1, "text") for place in range(300)]
    journal().submit(many).result(20)
    journal().close()
    immutability.remove(connection)
    assert problem() is None
    # Whoever spoils a database does not mind its foreign keys.
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
    with connection.constraint_checks_disabled():
        yield
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = DEFAULT")


def problem(**options: Any) -> str | None:
    found = verify(**options).problem
    return None if found is None else str(found)


def changed(field: Any, value: Any) -> Any:
    """Return another value that the column could hold."""
    if value is None:
        field = field.target_field if isinstance(field, models.ForeignKey) else field
        if isinstance(field, models.DateTimeField):
            return datetime.fromisoformat("2020-02-02T00:00:00+00:00")
        return (
            uuid4() if isinstance(field, models.UUIDField) else (1 if isinstance(field, models.IntegerField) else "x")
        )
    match value:
        case bool():
            return not value
        case int():
            return value + (1 if isinstance(field, models.SmallIntegerField) else 1_000_000)
        case str():
            return {"prompt": "fault"}.get(value, "x" + value[1:] if value[:1] != "x" else "y")
        case bytes() | memoryview():
            data = bytes(value)
            return bytes([data[0] ^ 1]) + data[1:] if data else b"x"
        case UUID():
            return UUID(int=value.int ^ 1)
        case datetime():
            return value + timedelta(microseconds=1)
    raise AssertionError(type(value))


def test_every_table_of_the_record_is_there(record: None) -> None:
    empty = {model.__name__ for model in MODELS if not model._default_manager.exists()}
    assert empty == set()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_change_of_any_column_and_a_row_taken_away_are_found(record: None, model: Any) -> None:
    keys = ("level", "place") if model is Node else ("word", "stream") if model is Word else (model._meta.pk.attname,)
    fields = {field.attname: field for field in model._meta.concrete_fields if field.attname != "pk"}
    rows = list(model._default_manager.values(*{*keys, *fields}))
    row = rows[len(rows) // 2]
    for name, field in fields.items():
        was, now = row[name], changed(field, row[name])
        place = {key: row[key] for key in keys}
        assert model._default_manager.filter(**place).update(**{name: now}) == 1
        assert problem() is not None, name
        moved = {key: now if key == name else value for key, value in place.items()}
        assert model._default_manager.filter(**moved).update(**{name: was}) == 1
    assert problem() is None
    model._default_manager.filter(**{key: row[key] for key in keys})._raw_delete("default")
    assert problem() is not None


def test_the_first_bad_entry_is_named_with_what_is_wrong(record: None) -> None:
    Entry.objects.filter(seq=7).update(at=5)
    Entry.objects.filter(seq=9).update(at=5)
    assert problem() == "Entry 7 is bad: it was changed"
    assert verify().entries == 6


def test_content_of_one_entry_in_the_place_of_another_is_found(record: None) -> None:
    first, second = Content.objects.get(pk=20).body, Content.objects.get(pk=21).body
    Content.objects.filter(pk=20).update(body=second)
    Content.objects.filter(pk=21).update(body=first)
    assert problem() == "Entry 20 is bad: its content was changed"


def rechain(begin: int = 1) -> None:
    """Compute all hashes anew, as somebody would who can write to the database but has no keys."""
    previous = Entry.objects.filter(seq=begin - 1).values_list("hash", flat=True).first() or GENESIS
    for row in Entry.objects.filter(seq__gte=begin).order_by("seq"):
        own = entry_hash(
            bytes(previous), row.seq, row.kind, row.conversation_id.bytes, row.stream.bytes, row.epoch, row.offset,
            row.subject_id.bytes, row.at, bytes(row.content_hash),
        )  # fmt: skip
        Entry.objects.filter(pk=row.pk).update(previous=previous, hash=own)
        previous = own


def test_a_chain_computed_anew_is_found_by_the_signed_heads(record: None) -> None:
    Entry.objects.filter(seq=7).update(at=5)
    rechain()
    assert "not those that the signed head covers" in str(problem())
    Checkpoint.objects.all()._raw_delete("default")
    Node.objects.all()._raw_delete("default")
    assert "is in a file but not in the database" in str(problem())


def test_a_tail_cut_off_is_found_by_the_heads_outside(record: None) -> None:
    last = Entry.objects.order_by("-seq")[0].seq
    Entry.objects.filter(seq=last)._raw_delete("default")
    Content.objects.filter(pk=last)._raw_delete("default")
    assert (
        problem()
        == f"Entry {last} is bad: entries from here to {last} are missing: a signed head in a file covers them"
    )
    Checkpoint.objects.filter(size=last)._raw_delete("default")
    assert "are missing" in str(problem())


def test_two_entries_that_changed_places_are_found(record: None) -> None:
    Entry.objects.filter(seq=20).update(seq=-1)
    Entry.objects.filter(seq=21).update(seq=20)
    Entry.objects.filter(seq=-1).update(seq=21)
    assert problem() == "Entry 20 is bad: it does not follow the entry before"
    rechain(20)
    assert problem() is not None


def test_an_entry_made_up_behind_the_last_is_found(record: None) -> None:
    last = Entry.objects.order_by("-seq")[0]
    forged = Entry.objects.get(seq=20)
    body = Content.objects.get(pk=20).body
    forged.pk, forged.offset, forged.kind = last.seq + 1, -1, "control"
    forged.save(force_insert=True)
    rechain(last.seq + 1)
    assert problem() == f"Entry {last.seq + 1} is bad: its content is missing"
    Content.objects.create(entry_id=last.seq + 1, body=bytes(body)[:-1] + b"x")
    assert "its content was changed" in str(problem())


def test_a_head_signed_by_another_key_is_found(record: None, settings: Any) -> None:
    settings.AUDIT_SIGNING_KEY = "another-secret-of-at-least-thirty-two-letters"
    assert "no trusted key signed it" in str(problem())


def test_a_file_of_heads_that_was_changed_is_found_and_a_torn_line_is_not_held_against_it(
    record: None, settings: Any
) -> None:
    (path,) = Path(settings.AUDIT_CHECKPOINT_DIR).glob("*.jsonl")
    good = path.read_text()
    path.write_text(good + json.dumps("aura/record\n5")[:-4])
    assert problem() is None
    checkpoints.keep_outside(json.loads(good.splitlines()[0]), bytes(32))
    assert problem() is None
    path.write_text(good.replace("time=", "time=1"))
    assert "a checkpoint in a file is bad" in str(problem())


def test_work_shared_by_processes_finds_the_same(record: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from audit import verification

    monkeypatch.setattr(verification, "BATCH", 100)
    alone = verify()
    assert verify(jobs=2) == alone
    assert alone.problem is None
    Entry.objects.filter(seq=200).update(at=5)
    assert verify(jobs=2).problem == verify().problem
    assert problem(jobs=2) == "Entry 200 is bad: it was changed"


def test_a_lost_master_key_is_told_and_a_former_one_still_reads(record: None, settings: Any) -> None:
    was = Path(settings.AUDIT_MASTER_KEY_FILE).read_text()
    settings.AUDIT_MASTER_KEY = "another-secret-of-at-least-thirty-two-letters"
    assert "is wrapped by the master key" in str(problem())
    settings.AUDIT_MASTER_KEY = f"another-secret-of-at-least-thirty-two-letters {was}"
    assert problem() is None
