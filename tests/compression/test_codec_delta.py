import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compression.codec import LibraryError, delta, patch
from tests.vectors.codec import DELTAS

SMALL = st.binary(max_size=60) | st.lists(st.sampled_from([b"abcdefgh", b"ijklmnopqrst", b"x"]), max_size=20).map(
    b"".join
)


@given(SMALL, SMALL)
def test_a_delta_makes_the_target(source: bytes, target: bytes) -> None:
    assert patch(source, delta(source, target), len(target)) == target
    assert len(delta(source, target)) <= len(target) + 3


def test_what_is_held_is_not_sent_again() -> None:
    chance = random.Random(4)
    source = chance.randbytes(70_000)
    target = source[:40_000] + b"new" * 10 + source[50_000:]
    made = delta(source, target)
    assert len(made) < 60
    assert patch(source, made, len(target)) == target
    with pytest.raises(LibraryError, match="too many"):
        patch(source, made, len(target) - 1)


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_any_bytes_make_something_small_or_an_error(source: bytes, made: bytes) -> None:
    try:
        assert len(patch(source, made, 100)) <= 100
    except LibraryError:
        pass


@pytest.mark.parametrize(("source", "made"), [(source, made) for source, made, _ in DELTAS if _ is None])
def test_what_is_no_delta_is_refused(source: bytes, made: bytes) -> None:
    with pytest.raises(LibraryError):
        patch(source, made, 100)


@pytest.mark.parametrize(("source", "made", "target"), [row for row in DELTAS if row[2] is not None])
def test_deltas(source: bytes, made: bytes, target: bytes) -> None:
    assert patch(source, made, 100) == target
