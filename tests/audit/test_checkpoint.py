"""Signed heads: vectors, and that no other text passes."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from audit.records.checkpoint import BadCheckpoint, Head, Signer, check_note, read_head, read_verifier_key, verifier_key
from tests.vectors import proofs

VECTORS = json.loads(proofs.PATH.read_text())
PUBLIC = read_verifier_key(VECTORS["checkpoint"]["public_key"])
NOTE: str = VECTORS["checkpoint"]["note"]


def test_a_good_one_is_read() -> None:
    case = VECTORS["checkpoint"]
    head = read_head(case["note"], [PUBLIC])
    assert (head.size, head.root.hex()) == (case["size"], case["root"])
    assert read_head(case["note"], [bytes(32), PUBLIC]) == head


@pytest.mark.parametrize("case", VECTORS["bad_checkpoints"], ids=lambda case: case["why"])
def test_a_bad_one_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(BadCheckpoint):
        read_head(case["note"], [PUBLIC])


@example(len(NOTE) - 3, "x")  # sets a bit behind the end of the signature
@example(len(NOTE) - 1, "\f")  # ends a line, for str.splitlines
@given(st.integers(0, len(NOTE) - 1), st.characters(exclude_categories=["Cs"]))
def test_no_letter_can_be_changed(place: int, letter: str) -> None:
    changed = NOTE[:place] + letter + NOTE[place + 1 :]
    if changed != NOTE:
        with pytest.raises(BadCheckpoint):
            read_head(changed, [PUBLIC])


@given(st.text())
def test_any_text_may_come(text: str) -> None:
    for read in (
        lambda: read_head(text, [PUBLIC]),
        lambda: read_verifier_key(text),
        lambda: check_note(text, [PUBLIC]),
    ):
        with pytest.raises(BadCheckpoint):
            read()


def test_nobody_else_can_sign() -> None:
    other = Signer(b"\1" * 32)
    note = other.head(Head(3, bytes(32), 5))
    with pytest.raises(BadCheckpoint, match="no trusted key"):
        read_head(note, [PUBLIC])
    assert read_head(note, [other.public]) == Head(3, bytes(32), 5)
    with pytest.raises(BadCheckpoint, match="no head"):
        read_head(other.note("something else\n"), [other.public])
    assert read_verifier_key(verifier_key(other.public)) == other.public
