"""An export: a ZIP with the records, the proof of each, one signature over both files, and the program that checks them.

`proof.json` has, for each record, the columns that its hash covers, its sealed body with the key that opens this one body
only, and its inclusion proof under the signed head. So who checks needs no trust in the export's text, nor a key of the
subject.
"""

import base64
import hashlib
import json
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from audit import selectors
from audit.errors import NotFound
from audit.exports import document, table
from audit.models import Entry
from audit.proofs import StoredTree, newest_head, prove_inclusion
from audit.records.checkpoint import verifier_key
from audit.records.event import SYSTEM, Event
from audit.records.sealing import entry_key, key_of, salt_of
from audit.vault import signers, vault

VERIFIER = Path(__file__).parents[1] / "verify_export.py"
# Entries of one export: its proofs are made in memory.
LIMIT = 100_000


@dataclass(frozen=True, slots=True)
class Record:
    """One entry of an export. `event` is None once its content was erased."""

    entry: Entry
    event: Event | None

    @property
    def when(self) -> str:
        """The time, to the microsecond."""
        return datetime.fromtimestamp(self.entry.at / 1_000_000, UTC).isoformat(timespec="microseconds")


def record_of(entry: Entry) -> Record:
    """Return an entry with what it says."""
    return Record(entry, selectors.event_of(entry))


FORMATS: dict[str, Callable[[list[Record], str], bytes]] = {
    "jsonl": table.json_lines,
    "csv": table.comma_separated,
    "pdf": document.portable,
}


def export(entries: QuerySet[Entry], form: str, title: str, more: dict[str, bytes] | None = None) -> bytes:
    """Return the bytes of a bundle with the entries in that form (`jsonl`, `csv` or `pdf`); `more` are further files.

    Raises NotFound when there are none, or more than LIMIT; ValueError for another form. Whoever calls logs it
    (audit.access).
    """
    if form not in FORMATS:
        raise ValueError(f"the form of an export is one of {', '.join(FORMATS)}")
    rows = list(entries.select_related("content", "subject").order_by("seq")[: LIMIT + 1])
    if not rows or len(rows) > LIMIT:
        raise NotFound(f"an export has 1 to {LIMIT} entries: choose others")
    records = [record_of(row) for row in rows]
    files = {f"records.{form}": FORMATS[form](records, title), **(more or {})}
    files["proof.json"] = _proofs(records, f"records.{form}")
    files["signature.txt"] = signature(files).encode()
    files["verify_export.py"] = VERIFIER.read_bytes()
    return _zip(files)


def spoken() -> QuerySet[Entry]:
    """Return the entries of what was said, without those of the record itself."""
    return Entry.objects.exclude(kind__in=[kind.value for kind in SYSTEM])


def signature(files: dict[str, bytes]) -> str:
    """Return a signed note with the SHA-256 of each file."""
    lines = [f"{name} sha256:{hashlib.sha256(data).hexdigest()}" for name, data in sorted(files.items())]
    return signers()[0].note("aura/export\n" + f"time={timezone.now().isoformat()}\n" + "\n".join(lines) + "\n")


def _proofs(records: Iterable[Record], name: str) -> bytes:
    note, head = newest_head()
    tree = StoredTree()
    entries = []
    for record in records:
        proof = prove_inclusion(record.entry.seq, note, head, tree)
        entries.append({**_columns(record.entry), **_opened(record.entry), "proof": [_text(h) for h in proof.hashes]})
    told = {
        "format": "aura-export/1",
        "records": name,
        "public_key": verifier_key(signers()[0].public),
        "checkpoint": note,
        "entries": entries,
    }
    return json.dumps(told, indent=1).encode()


def _columns(entry: Entry) -> dict[str, Any]:
    return {
        "seq": entry.seq,
        "kind": entry.kind,
        "conversation": str(entry.conversation_id),
        "stream": str(entry.stream),
        "epoch": entry.epoch,
        "offset": entry.offset,
        "subject": str(entry.subject_id),
        "at": entry.at,
        "content_hash": _text(entry.content_hash),
        "previous": _text(entry.previous),
    }


def _opened(entry: Entry) -> dict[str, str]:
    """Return the sealed body and the key of this one entry; nothing once it was erased."""
    if not hasattr(entry, "content"):
        return {}
    body = bytes(entry.content.body)
    key = vault().key(key_of(body))
    return {"body": _text(body), "key": _text(entry_key(key, salt_of(body)))} if key is not None else {}


def _text(data: bytes | memoryview) -> str:
    return base64.b64encode(bytes(data)).decode()


def _zip(files: dict[str, bytes]) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()
