"""Identifiers: the vectors that JavaScript reads too, and what the record gains by them."""

import json
import time
from pathlib import Path
from uuid import RFC_4122

from hypothesis import given
from hypothesis import strategies as st

from streaming.identifiers import RANDOM_SIZE, new_identifier, time_ordered

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "identifiers.json").read_text())


def test_the_vectors() -> None:
    for vector in VECTORS:
        assert str(time_ordered(vector["milliseconds"], bytes.fromhex(vector["random"]))) == vector["uuid"]


@given(st.integers(0, 2**48 - 1), st.binary(min_size=RANDOM_SIZE, max_size=RANDOM_SIZE))
def test_they_are_of_version_seven_and_begin_with_the_time(milliseconds: int, random: bytes) -> None:
    made = time_ordered(milliseconds, random)
    assert (made.version, made.variant) == (7, RFC_4122)
    assert int.from_bytes(made.bytes[:6], "big") == milliseconds


@given(st.integers(0, 2**48 - 2), st.binary(min_size=RANDOM_SIZE, max_size=RANDOM_SIZE), st.data())
def test_later_ones_stand_behind_earlier_ones_as_bytes_and_as_text(
    early: int, random: bytes, data: st.DataObject
) -> None:
    late = data.draw(st.integers(early + 1, 2**48 - 1))
    first, then = time_ordered(early, random), time_ordered(late, bytes(RANDOM_SIZE))
    assert first.bytes < then.bytes
    assert first.hex < then.hex


def test_new_ones_differ_and_carry_the_present() -> None:
    before = time.time_ns() // 1_000_000
    made = [new_identifier() for _ in range(1_000)]
    after = time.time_ns() // 1_000_000
    assert len(set(made)) == len(made)
    assert all(before <= int.from_bytes(one.bytes[:6], "big") <= after for one in made)
