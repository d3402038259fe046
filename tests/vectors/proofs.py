"""Writes proofs.json: trees, proofs, signed heads, by the definitions of RFC 6962. `python -m tests.vectors.proofs`

Independent of audit.records.merkle on purpose: the definitions are followed word by word, without a care for speed.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from audit.records.checkpoint import Head, Signer, verifier_key

PATH = Path(__file__).with_name("proofs.json")
SIZES = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65, 100)


def data(index: int) -> bytes:
    """Return the bytes of a leaf."""
    return f"entry {index}".encode()


def tree_hash(leaves: list[bytes]) -> bytes:
    """MTH of section 2.1."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    cut = split(len(leaves))
    return hashlib.sha256(b"\1" + tree_hash(leaves[:cut]) + tree_hash(leaves[cut:])).digest()


def split(size: int) -> int:
    """Return the largest power of two smaller than `size`."""
    cut = 1
    while cut * 2 < size:
        cut *= 2
    return cut


def path(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of section 2.1.1."""
    if len(leaves) == 1:
        return []
    cut = split(len(leaves))
    if index < cut:
        return [*path(index, leaves[:cut]), tree_hash(leaves[cut:])]
    return [*path(index - cut, leaves[cut:]), tree_hash(leaves[:cut])]


def proof(old: int, leaves: list[bytes], whole: bool = True) -> list[bytes]:
    """SUBPROOF of section 2.1.2; PROOF with `whole`."""
    if old == len(leaves):
        return [] if whole else [tree_hash(leaves)]
    cut = split(len(leaves))
    if old <= cut:
        return [*proof(old, leaves[:cut], whole), tree_hash(leaves[cut:])]
    return [*proof(old - cut, leaves[cut:], False), tree_hash(leaves[:cut])]


def build() -> dict[str, Any]:
    """Return the vectors: good ones, and bad ones with the reason why."""
    leaves = [data(index) for index in range(max(SIZES))]
    roots = {size: tree_hash(leaves[:size]) for size in SIZES}
    good_in = [
        {"leaf": tree_hash([leaves[index]]).hex(), "index": index, "size": size, "root": roots[size].hex(),
         "proof": [h.hex() for h in path(index, leaves[:size])]}
        for size in SIZES for index in sorted({0, 1, size // 2, size - 2, size - 1} & set(range(size)))
    ]  # fmt: skip
    good_on = [
        {"old": old, "old_root": roots[old].hex(), "size": size, "root": roots[size].hex(),
         "proof": [h.hex() for h in proof(old, leaves[:size])]}
        for size in SIZES for old in SIZES if 0 < old <= size
    ]  # fmt: skip
    signer = Signer(bytes(range(32)))
    note = signer.head(Head(100, roots[100], 1_700_000_000_000_000))
    return {
        "roots": [{"size": size, "root": root.hex()} for size, root in roots.items()],
        "inclusion": good_in,
        "consistency": good_on,
        "bad_inclusion": spoiled(good_in, "leaf", "index"),
        "bad_consistency": spoiled(good_on, "old_root", "old"),
        "checkpoint": {"public_key": verifier_key(signer.public), "note": note, "size": 100, "root": roots[100].hex()},
        "bad_checkpoints": [
            {"why": why, "note": changed}
            for why, changed in (
                ("another size", note.replace("\n100\n", "\n101\n")),
                ("another time", note.replace("time=17", "time=18")),
                ("another origin", note.replace("aura/record", "aura/recorf")),
                ("another signer", Signer(bytes(32)).head(Head(100, roots[100], 1_700_000_000_000_000))),
                ("no signature", note.split("\n\n")[0] + "\n"),
                ("signature cut", note[:-10] + "\n"),
                ("a bit set behind the end", note[:-3] + "x=\n"),
                ("another end of a line", note[:-1] + "\f"),
                ("a line more", note.replace("time=", "extra\ntime=")),
            )
        ],
    }


def spoiled(cases: list[dict[str, Any]], value: str, number: str) -> list[dict[str, Any]]:
    """Return bad variants of good proofs, and why they are bad."""
    bad = []
    for case in cases[10::7]:
        hashes = case["proof"]
        other = f"{int(case[value][:2], 16) ^ 1:02x}" + case[value][2:]
        changes = [("another " + value, {value: other}), ("another root", {"root": "00" * 32})]
        if hashes:
            changes += [
                ("a hash too few", {"proof": hashes[:-1]}),
                ("a hash too many", {"proof": [*hashes, "00" * 32]}),
                ("a hash changed", {"proof": ["00" * 32, *hashes[1:]]}),
                ("another place", {number: case[number] - 1 if case[number] > 1 else case[number] + 1}),
            ]
        bad += [{"why": why, **case, **change} for why, change in changes]
    return bad


if __name__ == "__main__":
    PATH.write_text(json.dumps(build(), indent=1) + "\n")
