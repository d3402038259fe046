"""Exports: what they hold, and that the stand-alone verifier finds what was done to them."""

import csv
import io
import json
import os
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from audit import erasure, selectors
from audit.exports import bundle
from audit.exports.document import right_to_left
from audit.models import Entry
from audit.records.checkpoint import verifier_key
from audit.vault import public_keys
from tests.audit.scenario import converse
from tests.live import ROOT

pytestmark = pytest.mark.django_db(transaction=True)
ARABIC = "ما هي الجاذبية؟"


def make(tmp_path: Path, form: str = "jsonl", **options: str) -> Path:
    path = tmp_path / f"{uuid4().hex}.zip"
    call_command("export_audit", str(path), format=form, reason="a test", **options)
    return path


def verify(path: Path, key: str | None = None) -> tuple[int, str]:
    """Run the verifier that is inside the export, in a folder without AURA."""
    with zipfile.ZipFile(path) as archive:
        archive.extract("verify_export.py", path.parent)
    command = [sys.executable, "-I", "verify_export.py", str(path), key or public_keys()[0]]
    done = subprocess.run(command, cwd=path.parent, check=False, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def test_the_verifier_takes_the_file_of_keys_and_refuses_what_is_no_key(tmp_path: Path) -> None:
    converse("ada", "One", "Two")
    path = make(tmp_path)
    keys = tmp_path / "public_key"
    keys.write_text(f"{verifier_key(bytes(32))}\n{public_keys()[0]}\n")
    assert verify(path, str(keys))[0] == 0
    keys.write_text(f"{verifier_key(bytes(32))}\n")
    assert verify(path, str(keys))[0] == 1
    keys.write_text("")
    assert verify(path, str(keys))[0] == 2
    assert verify(path, "aura+1+2")[0] == 2


@pytest.mark.parametrize("form", ["jsonl", "csv", "pdf"])
def test_an_export_is_good_and_tells_what_was_said(tmp_path: Path, form: str) -> None:
    converse("ada", ARABIC, '=SUM("a", 1)\nand "more", in two lines')
    converse("eve", "Not this", "Nor this")
    path = make(tmp_path, form, user="ada")
    assert verify(path) == (0, f"good: 6 entries, in the signed tree of {Entry.objects.count()}\n")
    data = zipfile.ZipFile(path).read(f"records.{form}")
    if form == "jsonl":
        rows = [json.loads(line) for line in data.splitlines()]
        assert (
            "".join(row["text"] for row in rows if row["kind"] == "chunk") == '=SUM("a", 1)\nand "more", in two lines'
        )
        assert rows[0]["text"] == ARABIC
    elif form == "csv":
        cells = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))
        assert cells[1]["text"].startswith("'=SUM")
    else:
        assert data.startswith(b"%PDF-")
        assert len(data) > 10_000
    assert Entry.objects.filter(kind="access").count() == 1


def spoil(path: Path, name: str, change: Callable[[bytes], bytes], sign: bool = False) -> None:
    """Change a file in an export; `sign` it anew, as somebody would who has the signing key."""
    with zipfile.ZipFile(path) as archive:
        files = {one: archive.read(one) for one in archive.namelist()}
    files[name] = change(files[name])
    if sign:
        listed = {one: data for one, data in files.items() if one not in ("signature.txt", "verify_export.py")}
        files["signature.txt"] = bundle.signature(listed).encode()
    path.write_bytes(bundle._zip(files))


@pytest.mark.parametrize("name", ["records.jsonl", "proof.json", "signature.txt"])
def test_any_change_is_found_by_the_signature(tmp_path: Path, name: str) -> None:
    converse("ada", "One", "Two")
    path = make(tmp_path)
    spoil(path, name, lambda data: data.replace(b"2", b"3"))
    assert verify(path)[0] == 1


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("records.jsonl", b"One", b"Own", "the text shown is not the one on the record"),
        ("records.jsonl", b'"erased":false', b'"erased":true', "it is shown as erased"),
        ("records.jsonl", b'"seq":3', b'"seq":99', "the records are not those that are proved"),
        ("proof.json", b'"kind": "prompt"', b'"kind": "chunk"', "is not in the signed tree"),
        ("proof.json", b'"body": "AgAA', b'"body": "AgAB', "the body is not the one in the ledger"),
    ],
)
def test_the_proofs_find_what_a_new_signature_would_hide(
    tmp_path: Path, name: str, old: bytes, new: bytes, told: str
) -> None:
    converse("ada", "One", "Two")
    path = make(tmp_path)
    spoil(path, name, lambda data: data.replace(old, new, 1), sign=True)
    status, said = verify(path)
    assert (status, told in said) == (1, True), said


def test_another_key_and_what_is_no_export_are_told(tmp_path: Path) -> None:
    converse("ada", "One", "Two")
    path = make(tmp_path)
    assert verify(path, "aura+00000000+AAAA")[0] == 2
    assert verify(path, "nonsense")[0] == 2
    path.write_bytes(b"no zip")
    done = subprocess.run(
        [sys.executable, "-I", "verify_export.py", str(path), public_keys()[0]],
        cwd=tmp_path, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, "cannot be checked" in done.stderr) == (2, True)


def test_what_was_erased_is_proved_without_its_words(tmp_path: Path) -> None:
    conversation, _ = converse("ada", "One", "Two")
    erasure.erase_conversations([conversation], by="officer", reason="old")
    path = tmp_path / "out.zip"
    call_command("export_audit", str(path), format="jsonl", reason="a test", conversation=[conversation])
    status, said = verify(path)
    assert (status, "4 entries, 4 of them erased" in said) == (0, True), said


def test_all_entries_and_a_stretch_of_time(tmp_path: Path) -> None:
    converse("ada", "One", "Two")
    path = tmp_path / "all.zip"
    call_command("export_audit", str(path), "--all", "--format=pdf", "--reason=a test")
    assert verify(path)[0] == 0
    with pytest.raises(CommandError, match="1 to"):
        call_command("export_audit", str(tmp_path / "none.zip"), "--until=2001-01-01", "--reason=a test")
    assert {one.name: stat.filemode(one.stat().st_mode) for one in tmp_path.glob("*.zip")} == {"all.zip": "-rw-------"}
    with pytest.raises(CommandError, match="exists already"):
        call_command("export_audit", str(path), "--reason=a test")
    with pytest.raises(CommandError, match="Nothing of nobody"):
        call_command("export_audit", str(tmp_path / "x.zip"), "--user=nobody", "--reason=a test")
    assert selectors.verify_chain()[1] is None


def test_what_cannot_be_written_has_not_been_exported(tmp_path: Path) -> None:
    converse("ada", "One", "Two")
    before = Entry.objects.count()
    with pytest.raises(FileNotFoundError):
        call_command("export_audit", str(tmp_path / "none" / "x.zip"), "--reason=a test")
    assert Entry.objects.count() == before


@pytest.mark.parametrize(("text", "expected"), [("abc", False), ("12 " + ARABIC, True), ("", False), ("שלום", True)])
def test_the_side_a_text_begins_on(text: str, expected: bool) -> None:
    assert right_to_left(text) is expected


def test_a_server_does_not_load_what_its_model_cannot_stand() -> None:
    # uharfbuzz and xllamacpp are compiled against different versions of Cython's types.
    code = "import aura_site.asgi, sys; print('uharfbuzz' in sys.modules)"
    command = [sys.executable, "-c", code]
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True, cwd=ROOT)
    assert done.stdout.strip() == "False"
