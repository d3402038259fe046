"""The pure half of the record: canonical bytes, chain, transcripts."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.records.chain import GENESIS, Problem, Row, Verifier, entry_hash, leaf_data, place_of
from audit.records.event import Event, Kind, content_bytes, read_content
from audit.records.merkle import leaf_hash
from audit.records.transcript import fold

CONVERSATION, STREAM, OTHER = UUID(int=1), UUID(int=2), UUID(int=3)


def event(kind: Kind, offset: int = 0, text: str = "", stream: UUID = STREAM, **meta: object) -> Event:
    return Event(kind, CONVERSATION, stream, 1, offset, "ada", 1_000_000 + offset, text, meta)


def rows(count: int) -> list[Row]:
    found, previous = [], GENESIS
    for number in range(1, count + 1):
        columns = (
            number,
            "chunk",
            CONVERSATION.bytes,
            STREAM.bytes,
            1,
            number,
            OTHER.bytes,
            10 + number,
            bytes([number] * 32),
        )
        own = entry_hash(place_of(previous, *columns[:-1]), columns[-1])
        found.append(Row(*columns, previous, own))
        previous = own
    return found


def test_a_whole_chain_is_good() -> None:
    assert Verifier().check(rows(5)) is None


def test_the_hash_of_an_entry_is_the_leaf_hash_of_its_bytes() -> None:
    (row,) = rows(1)
    assert row.hash == leaf_hash(leaf_data(row.place, row.content))


@pytest.mark.parametrize("name", Row._fields)
def test_a_change_of_any_column_is_found(name: str) -> None:
    good = rows(5)
    was = getattr(good[2], name)
    changed = was + 1 if isinstance(was, int) else ("fault" if isinstance(was, str) else bytes([was[0] ^ 1]) + was[1:])
    problem = Verifier().check([*good[:2], good[2]._replace(**{name: changed}), *good[3:]])
    assert problem is not None
    assert problem.sequence == (4 if name == "sequence" else 3)


@pytest.mark.parametrize(
    ("change", "at", "what"),
    [
        (lambda r: [*r[:1], *r[3:]], 4, "entries from 2 to 3 are missing"),
        (lambda r: [*r[:2], r[2]._replace(previous=bytes(32)), *r[3:]], 3, "it does not follow the entry before"),
        (lambda r: [r[0]._replace(hash=bytes(32)), *r[1:]], 1, "it was changed"),
        (lambda r: [r[0]._replace(kind="x" * 9), *r[1:]], 1, "it was changed"),
        (lambda r: [r[0]._replace(kind="chunk\0"), *r[1:]], 1, "it was changed"),
        (lambda r: [r[0]._replace(kind=b"chunk"), *r[1:]], 1, "it was changed"),
        (lambda r: [r[0]._replace(content="text"), *r[1:]], 1, "it was changed"),
        (lambda r: [r[0]._replace(epoch=2**40), *r[1:]], 1, "it was changed"),
    ],
)
def test_the_first_bad_entry_is_named(change, at: int, what: str) -> None:
    assert Verifier().check(change(rows(5))) == Problem(at, what)


@given(st.text(), st.dictionaries(st.text(max_size=5), st.integers(-(2**53) + 1, 2**53 - 1) | st.text(), max_size=4))
def test_content_has_one_form(text: str, meta: dict) -> None:
    backwards = dict(reversed(meta.items()))
    assert content_bytes(text, meta) == content_bytes(text, backwards)
    assert content_bytes(text + "x", meta) != content_bytes(text, meta)
    assert read_content(content_bytes(text, meta)) == (text, meta)


@pytest.mark.parametrize("meta", [{"n": 2**60}, {"n": float("nan")}, {"n": [1, {"m": float("inf")}]}, {"n": object()}])
def test_what_json_cannot_hold_is_refused(meta: dict) -> None:
    with pytest.raises(ValueError, match="cannot be recorded"):
        content_bytes("", meta)


def test_a_conversation_reads_as_turns() -> None:
    turns = fold(
        [
            event(Kind.PROMPT, 0, "What is it?", method="template", text_bytes=11, wire_bytes=3),
            event(Kind.CHUNK, 0, "It is "),
            event(Kind.PROMPT, 0, "Meanwhile", stream=OTHER),
            event(Kind.CHUNK, 1, "this."),
            event(Kind.DONE, 2, finish="stop", model="m", tier="nano", cost=5, completion_tokens=4),
            event(Kind.DELIVERY, -1, text_bytes=11, wire_bytes=8, methods={"raw": 1, "brotli": 2}),
            event(Kind.DELIVERY, -1, text_bytes=11, wire_bytes=9, methods={"raw": 1}),
            event(Kind.FAULT, 0, "It broke.", stream=OTHER, code="provider_failed"),
        ]
    )
    assert [(turn.role, turn.text, turn.state) for turn in turns] == [
        ("user", "What is it?", "done"),
        ("assistant", "It is this.", "done"),
        ("user", "Meanwhile", "done"),
        ("assistant", "", "fault"),
    ]
    question, answer, _, failed = turns
    assert (question.actor, question.methods, question.wire_bytes) == ("ada", {"template": 1}, 3)
    assert (answer.model, answer.tier, answer.cost_nano, answer.next_offset) == ("m", "nano", 5, 3)
    assert (answer.text_bytes, answer.wire_bytes, answer.methods) == (22, 17, {"raw": 2, "brotli": 2})
    assert (failed.fault, failed.fault_code) == ("It broke.", "provider_failed")


def test_an_answer_that_was_stopped_or_still_runs_says_so() -> None:
    started = [event(Kind.PROMPT, 0, "Go"), event(Kind.CHUNK, 0, "on")]
    assert fold(started)[1].state == "open"
    assert fold([*started, event(Kind.DONE, 1, finish="cancelled")])[1].state == "cancelled"
