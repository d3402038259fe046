"""Verification finds every tampering: a column, a row, the cut tail, another order, another chain; and no false alarm."""

import json
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, models

from audit import checkpoints, immutability, ledger, selectors, verification
from audit.errors import RecordUnavailable
from audit.journal import journal
from audit.models import Checkpoint, Content, Entry, Node, Word
from audit.records.chain import GENESIS, entry_hash, place_of
from audit.records.event import Event, Kind
from audit.records.sealing import content_hash, key_of, salt_of, seal, unseal
from audit.vault import vault
from audit.verification import verify
from tests.audit.scenario import converse, fill_every_table

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


def rechain(begin: int = 1, *, sealed: bool = False, **changed: Any) -> None:
    """Change the first of these entries and compute all hashes anew, as somebody would who can write to the database; with
    `sealed` who has its keys, too."""
    previous = bytes(Entry.objects.filter(seq=begin - 1).values_list("hash", flat=True).first() or GENESIS)
    for row in Entry.objects.filter(seq__gte=begin).select_related("content").order_by("seq"):
        was = place_of(bytes(row.previous), *_columns(row))
        for name, value in changed.items() if row.seq == begin else ():
            setattr(row, name, value)
        place = place_of(previous, *_columns(row))
        if sealed and hasattr(row, "content"):
            body = bytes(row.content.body)
            key = vault().key(key_of(body))
            assert key is not None
            row.content.body = seal(unseal(body, key, was), key_of(body), key, salt_of(body), place)
            row.content_hash = content_hash(row.content.body)
            row.content.save()
        own = entry_hash(place, bytes(row.content_hash))
        row.previous, row.hash = previous, own
        row.save()
        previous = own


def _columns(row: Entry) -> Any:
    return (
        row.seq, row.kind, row.conversation_id.bytes, row.stream.bytes, row.epoch, row.offset, row.subject_id.bytes, row.at
    )  # fmt: skip


def test_a_chain_computed_anew_is_found_by_the_seals(record: None) -> None:
    rechain(7, at=5)
    assert problem() == "Entry 7 is bad: its content cannot be opened: it was changed, or belongs elsewhere"


def test_a_chain_computed_and_sealed_anew_is_found_by_the_signed_heads(record: None) -> None:
    rechain(7, sealed=True, at=5)
    assert "not those that the signed head covers" in str(problem())
    Checkpoint.objects.all()._raw_delete("default")
    Node.objects.all()._raw_delete("default")
    assert "is in a file but not in the database" in str(problem())


def test_an_entry_cut_out_of_the_end_that_no_head_covers_is_found(record: None) -> None:
    many = [Event(Kind.CHUNK, UUID(int=1), UUID(int=2), 1, place, "ada", 1, "text") for place in range(300, 310)]
    first = journal().submit(many).result(20)[0]
    assert problem() is None
    Entry.objects.filter(seq=first + 3)._raw_delete("default")
    Content.objects.filter(entry_id=first + 3)._raw_delete("default")
    for number in range(first + 4, first + 10):
        Entry.objects.filter(seq=number).update(seq=number - 1)
        Content.objects.filter(entry_id=number).update(entry_id=number - 1)
    rechain(first + 3)
    assert f"Entry {first + 3} is bad: its content cannot be opened" in str(problem())


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


@pytest.mark.parametrize("kind", ["chunk", "state", "erasure", "access"])
def test_an_entry_made_of_the_content_of_another_is_found(record: None, kind: str) -> None:
    # Behind the last entry, where no signed head reaches yet; a state entry would take a row back to what it was.
    last = Entry.objects.order_by("-seq")[0]
    forged = Entry.objects.filter(kind=kind).first() or last
    body = bytes(Content.objects.get(pk=forged.pk).body)
    forged.pk, forged.offset = last.seq + 1, 700
    forged.save(force_insert=True)
    Content.objects.create(entry_id=forged.pk, body=body)
    rechain(forged.pk)
    assert problem() == f"Entry {forged.pk} is bad: its content cannot be opened: it was changed, or belongs elsewhere"
    # Nor does a reader get to see it.
    with pytest.raises(RecordUnavailable):
        list(selectors.events_of(Entry.objects.filter(seq=forged.pk)))


@pytest.mark.parametrize("number", [0, -5])
def test_an_entry_before_the_first_is_found(record: None, number: int) -> None:
    row = Entry.objects.get(seq=20)
    row.pk, row.offset = number, 700
    row.save(force_insert=True)
    assert problem() == f"The record is bad: there is an entry of number {number}"


@pytest.mark.parametrize("number", [-1, 0, 100_000])
def test_content_of_no_entry_is_found(record: None, number: int) -> None:
    Content.objects.create(entry_id=number, body=b"words that nobody said")
    assert problem() == f"The record is bad: there is content of an entry {number}, which does not exist"


FORMS = [
    "CAST({c} AS BLOB)", "CAST({c} AS TEXT)", "upper({c})", "{c} || char(0)", "replace({c}, ' ', 'T')", "5", "-1", "''",
    "1.5", "x'ff'", "CAST(x'ff' AS TEXT)", "x'01020304050607080910111213141516'",
]  # fmt: skip


@pytest.mark.vendor("sqlite")  # PostgreSQL holds in a column what its type says
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_another_form_of_a_value_is_found(record: None, model: Any) -> None:
    """SQLite keeps anything in any column. What reads as the same but is not found by queries would hide a row."""
    table = model._meta.db_table
    tried = 0
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT rowid FROM {table} ORDER BY rowid LIMIT 1 OFFSET (SELECT count(*) / 2 FROM {table})")
        (rowid,) = cursor.fetchone()
        for field in model._meta.concrete_fields:
            if field.column is None:
                continue
            column = f'"{field.column}"'
            where = f"FROM {table} WHERE rowid = {rowid}"
            cursor.execute(f"SELECT +{column}, typeof({column}), hex({column}) {where}")
            was, kind, shown = cursor.fetchone()
            if field.primary_key and kind == "integer":
                continue  # the row's own number, of which there is one form
            for form in FORMS:
                try:
                    cursor.execute(f"UPDATE {table} SET {column} = {form.format(c=column)} WHERE rowid = {rowid}")
                except DatabaseError:
                    continue  # a column of that kind takes no such thing
                cursor.execute(f"SELECT typeof({column}), hex({column}) {where}")
                spoilt = cursor.fetchone()
                if spoilt != (kind, shown):
                    tried += 1
                    assert problem() is not None, (field.column, form, shown, spoilt)
                cursor.execute(f"UPDATE {table} SET {column} = %s WHERE rowid = {rowid}", [was])
                cursor.execute(f"SELECT typeof({column}), hex({column}) {where}")
                assert cursor.fetchone() == (kind, shown)
    assert problem() is None
    assert tried


def test_a_record_that_began_with_seals_to_no_place_is_good_and_takes_no_more_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def loose(plain: bytes, key_id: int, key: bytes, salt: bytes, _place: bytes) -> bytes:
        return seal(plain, key_id, key, salt)

    with monkeypatch.context() as before:
        before.setattr(ledger, "seal", loose)
        conversation, _ = converse("ada", "Long ago", "It was so")
    converse("ada", "Now", "It is so")
    journal().close()
    assert [turn.text for turn in selectors.full_transcript(conversation)] == ["Long ago", "It was so"]
    assert problem() is None
    monkeypatch.setattr(verification, "BATCH", 2)
    assert problem(jobs=2) is None
    with monkeypatch.context() as again:
        again.setattr(ledger, "seal", loose)
        converse("ada", "Never", "No")
    journal().close()
    found = problem()
    assert "its content is sealed to no place" in str(found)
    assert problem(jobs=4) == found


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


def test_lost_files_of_heads_are_told_and_copies_of_them_show_a_record_that_was_set_back(
    record: None, settings: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    immutability.install(connection)
    folder = Path(settings.AUDIT_CHECKPOINT_DIR)
    copies = shutil.copytree(folder, tmp_path / "elsewhere")
    call_command("verify_audit", heads=[copies])
    assert capsys.readouterr().err == ""
    for file in folder.glob("*.jsonl"):
        file.unlink()
    call_command("verify_audit")
    assert "covered by no signed head outside the database" in capsys.readouterr().err
    # Set back as a whole: entries, heads and what stands beside them fit each other, and the files are gone.
    immutability.remove(connection)
    last = Entry.objects.order_by("-seq")[0].seq
    gone = Entry.objects.filter(seq__gt=last - 100)
    Content.objects.filter(entry_id__gt=last - 100)._raw_delete("default")
    gone._raw_delete("default")
    Checkpoint.objects.filter(size__gt=last - 100)._raw_delete("default")
    Node.objects.all()._raw_delete("default")
    journal().submit([Event(Kind.CONTROL, UUID(int=1), UUID(int=2), 1, -1, "ada", 1, "text")]).result(20)
    journal().close()
    assert problem(copies=[copies]) is not None
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("verify_audit", heads=[tmp_path / "nowhere"])


if connection.vendor == "sqlite":
    WAYS_PAST = [
        ("audit_entry_no_update is missing", "DROP TRIGGER audit_entry_no_update"),
        (
            "audit_hold has a trigger audit_evil",
            "CREATE TRIGGER audit_evil AFTER INSERT ON audit_hold BEGIN DELETE FROM audit_hold; END",
        ),
        (
            "audit_content_no_delete is not as AURA made it",
            "DROP TRIGGER audit_content_no_delete",
            "CREATE TRIGGER audit_content_no_delete BEFORE DELETE ON audit_content WHEN false BEGIN SELECT 1; END",
        ),
    ]
else:
    WAYS_PAST = [
        ("audit_entry_no_update is missing", "DROP TRIGGER audit_entry_no_update ON audit_entry"),
        (
            "audit_hold has a trigger audit_evil",
            "CREATE TRIGGER audit_evil AFTER INSERT ON audit_hold FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
        ),
        (
            "audit_content_no_delete is not as AURA made it",
            "ALTER TABLE audit_content DISABLE TRIGGER audit_content_no_delete",
        ),
        (
            "is not as AURA made it",
            "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'",
        ),
    ]


@pytest.mark.parametrize(("told", "statements"), [(told, statements) for told, *statements in WAYS_PAST])
def test_a_database_that_no_longer_refuses_changes_is_told(told: str, statements: list[str]) -> None:
    converse("ada", "One", "Two")
    call_command("verify_audit")
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        with pytest.raises(CommandError, match=told):
            call_command("verify_audit")
        cursor.execute(f"DROP TRIGGER IF EXISTS audit_evil{'' if connection.vendor == 'sqlite' else ' ON audit_hold'}")
    immutability.install(connection)
    call_command("verify_audit")


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
