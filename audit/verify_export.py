#!/usr/bin/env python3
"""Checks an export of AURA's record. Needs Python 3.9, the package `cryptography`, and the record's public key.

    python verify_export.py EXPORT.zip 'aura+....+....'
    python verify_export.py EXPORT.zip public_key

The public key is a line of the operator's file `checkpoints/public_key`, or that file, one of whose keys has to fit. Get it
from somewhere you trust, not from the export.

What is checked: the signature over the files; the signature of the checkpoint; of each record, that its columns give its
hash, that the hash is in the signed tree (RFC 6962), that its sealed body has the hash in the ledger, that the body opens
with the key given for it, and that the text in the JSON Lines or CSV file is what the body holds. The text of a PDF is held
by the signature alone. Exit status 0 when all is well, 1 when something is wrong, 2 when it cannot be checked.
"""

import base64
import csv
import hashlib
import io
import json
import struct
import sys
import uuid
import zipfile
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


class Wrong(Exception):
    """The export is not what it says."""


def public_key(line: str) -> bytes:
    """Return the bytes of a public key in the form aura+HASH+BASE64. Raises ValueError."""
    try:
        name, hashed, encoded = line.strip().split("+", 2)
        data = decoded(encoded)
    except ValueError:
        raise ValueError("this is no public key of a record: aura+HASH+BASE64") from None
    if len(data) != 33 or key_hash(data[1:]).hex() != hashed or name != "aura":
        raise ValueError("this is no public key of a record: aura+HASH+BASE64")
    return data[1:]


def key_hash(key: bytes) -> bytes:
    """Return the 4 bytes that name a key in a signature."""
    return hashlib.sha256(b"aura\n\x01" + key).digest()[:4]


def decoded(text: str) -> bytes:
    """Return what a text is the base64 of; bits behind the end may not be set."""
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError("no base64")
    return data


def signed(note: str, key: bytes) -> str:
    """Return the text above the signature of a note."""
    body, _, signatures = note.rpartition("\n\n")
    body += "\n"
    for line in signatures[:-1].split("\n"):
        try:
            data = decoded(line.split(" ")[2])
        except (ValueError, IndexError):
            continue
        if line.startswith("— aura ") and data[:4] == key_hash(key):
            try:
                Ed25519PublicKey.from_public_bytes(key).verify(data[4:], body.encode())
                return body
            except InvalidSignature:
                pass
    raise Wrong("a signature is missing or wrong, or another key made it")


def node(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node of the tree."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def included(leaf: bytes, index: int, size: int, proof: List[bytes], root: bytes) -> bool:
    """Return whether a leaf is in a tree (RFC 9162, section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    here, last, value = index, size - 1, leaf
    for other in proof:
        if not last:
            return False
        if here & 1 or here == last:
            value = node(other, value)
            while here and not here & 1:
                here >>= 1
                last >>= 1
        else:
            value = node(value, other)
        here >>= 1
        last >>= 1
    return last == 0 and value == root


def place_of(entry: Dict[str, Any]) -> bytes:
    """Return the bytes of the columns of an entry, without the hash of its content."""
    if "\0" in entry["kind"]:
        raise Wrong(f"entry {entry['seq']}: there is no such kind")
    return struct.pack(
        ">32sq8s16s16siq16sq",
        base64.b64decode(entry["previous"]), entry["seq"], entry["kind"].encode(),
        uuid.UUID(entry["conversation"]).bytes, uuid.UUID(entry["stream"]).bytes, entry["epoch"], entry["offset"],
        uuid.UUID(entry["subject"]).bytes, entry["at"],
    )  # fmt: skip


def leaf_of(entry: Dict[str, Any]) -> bytes:
    """Return the hash of an entry from its columns."""
    return hashlib.sha256(b"\x00aura.entry/2\x00" + place_of(entry) + base64.b64decode(entry["content_hash"])).digest()


def opened(entry: Dict[str, Any]) -> Any:
    """Return the content of an entry, None once it was erased."""
    if "body" not in entry:
        return None
    body, key = base64.b64decode(entry["body"]), base64.b64decode(entry["key"])
    if hashlib.sha256(b"aura.content/2\x00" + body).digest() != base64.b64decode(entry["content_hash"]):
        raise Wrong(f"entry {entry['seq']}: the body is not the one in the ledger")
    if hashlib.sha256(b"aura.commitment/1" + key).digest()[:16] != body[25:41]:
        raise Wrong(f"entry {entry['seq']}: the body belongs to another key")
    # A body of form 2 opens only in the place that it was sealed to.
    place = place_of(entry) if body[0] == 2 else None
    try:
        return json.loads(AESGCM(key).decrypt(bytes(12), body[41:], place))
    except InvalidTag:
        raise Wrong(f"entry {entry['seq']}: the body does not open") from None


def texts(name: str, data: bytes) -> Optional[Dict[int, Tuple[str, Any, bool]]]:
    """Return the texts of the readable file by their numbers, None for a PDF."""
    if name.endswith(".jsonl"):
        rows = [json.loads(line) for line in data.decode().split("\n") if line]
        return {row["seq"]: (row["text"], row["meta"], row["erased"]) for row in rows}
    if name.endswith(".csv"):
        cells = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))
        return {
            int(row["seq"]): (row["text"], json.loads(row["meta"]) if row["meta"] else {}, row["erased"] == "True")
            for row in cells
        }
    return None


def same(shown: str, text: str, name: str) -> bool:
    """Return whether a text is shown as it is, or as a CSV must show what looks like a formula."""
    return shown == text or (name.endswith(".csv") and shown == "'" + text)


def check(path: str, line: str) -> str:
    """Return a sentence about a good export. Raises Wrong."""
    key = public_key(line)
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
        if len(files) != len(archive.namelist()):
            raise Wrong("two files have the same name")
    body = signed(files["signature.txt"].decode(), key)
    listed = dict(row.rsplit(" sha256:", 1) for row in body.splitlines() if " sha256:" in row)
    if not body.startswith("aura/export\n") or set(files) - set(listed) - {"signature.txt", "verify_export.py"}:
        raise Wrong("there are files that nobody signed")
    for name, hashed in listed.items():
        if name not in files or hashlib.sha256(files[name]).hexdigest() != hashed:
            raise Wrong(f"{name} was changed")
    proof = json.loads(files["proof.json"])
    head = signed(proof["checkpoint"], key).split("\n")
    if head[0] != "aura/record":
        raise Wrong("what should be the checkpoint is another document")
    size, root = int(head[1]), base64.b64decode(head[2])
    shown = texts(proof["records"], files[proof["records"]])
    if shown is not None and set(shown) != {entry["seq"] for entry in proof["entries"]}:
        raise Wrong("the records are not those that are proved")
    erased = 0
    for entry in proof["entries"]:
        hashes = [base64.b64decode(value) for value in entry["proof"]]
        if not included(leaf_of(entry), entry["seq"] - 1, size, hashes, root):
            raise Wrong(f"entry {entry['seq']} is not in the signed tree")
        content = opened(entry)
        erased += content is None
        if shown is not None:
            text, meta, gone = shown[entry["seq"]]
            if gone != (content is None):
                raise Wrong(f"entry {entry['seq']}: it is shown as erased, or should be")
            if content is not None and (not same(text, content["text"], proof["records"]) or meta != content["meta"]):
                raise Wrong(f"entry {entry['seq']}: the text shown is not the one on the record")
    more = f", {erased} of them erased" if erased else ""
    return f"good: {len(proof['entries'])} entries{more}, in the signed tree of {size}"


def checked(path: str, given: str) -> str:
    """Return what `check` says of the first key that fits: the one given, or one in the file of that name. Raises Wrong."""
    file = Path(given)
    if not file.is_file():
        return check(path, given)
    keys = file.read_text(encoding="utf-8").split()
    problem: Exception = ValueError("there is no public key in that file")
    for key in keys:
        try:
            return check(path, key)
        except Wrong as error:
            problem = error
    raise problem


def main(arguments: List[str]) -> int:
    """Check the export named on the command line."""
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        print(checked(*arguments))
        return 0
    except Wrong as error:
        print(f"WRONG: {error}", file=sys.stderr)
        return 1
    except (OSError, KeyError, ValueError, TypeError, struct.error, zipfile.BadZipFile) as error:
        print(f"cannot be checked: {error!r}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
