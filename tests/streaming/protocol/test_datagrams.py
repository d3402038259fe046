"""Cutting and joining of messages, against their vectors, any order, and arbitrary bytes."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.protocol.codes import CloseCode
from streaming.protocol.datagrams import DATAGRAM_SIZE, WINDOW, Joiner, cut
from streaming.protocol.errors import FrameError
from tests.vectors import datagrams as vectors

DATA = json.loads(vectors.FILE.read_text())
LIMIT = 20_000


def test_the_file_of_vectors_is_what_the_code_makes() -> None:
    assert vectors.make() == DATA


@pytest.mark.parametrize("case", DATA["invalid"], ids=lambda case: case["name"])
def test_what_is_no_datagram_is_refused(case: dict) -> None:
    joiner = Joiner(DATA["limit"])
    *before, last = [bytes.fromhex(datagram) for datagram in case["datagrams"]]
    for datagram in before:
        assert joiner.receive(datagram) == []
    with pytest.raises(FrameError):
        joiner.receive(last)


@given(st.integers(0, 2**53 - 1), st.binary(max_size=5_000), st.integers(300, DATAGRAM_SIZE))
def test_each_datagram_fits_and_the_message_comes_back(number: int, message: bytes, size: int) -> None:
    parts = cut(number, message, size)
    assert all(len(part) <= size for part in parts)
    assert all(len(part) == size for part in parts[:-1])
    joiner = Joiner(LIMIT)
    joiner._next = number
    assert [whole for part in parts for whole in joiner.receive(part)] == [message]
    assert joiner.held == 0


@given(st.lists(st.integers(0, 3_000), max_size=12), st.randoms(use_true_random=False), st.integers(0, 30))
def test_any_order_and_any_repeats_give_the_messages_in_order(
    sizes: list[int], chance: random.Random, repeats: int
) -> None:
    messages = [chance.randbytes(size) for size in sizes]
    parts = [part for number, message in enumerate(messages) for part in cut(number, message, 400)]
    parts += [chance.choice(parts) for _ in range(repeats if parts else 0)]
    chance.shuffle(parts)
    joiner = Joiner(40_000)
    assert [message for part in parts for message in joiner.receive(part)] == messages
    assert joiner.held == 0


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=20),
            st.builds(
                lambda number, part, size: bytes([number, part]) + bytes(size),
                st.integers(0, 70),
                st.integers(0, 20),
                st.integers(0, 600),
            ),
        ),
        max_size=60,
    )
)
def test_arbitrary_bytes_are_joined_or_refused_and_what_is_held_is_bounded(datagrams: list[bytes]) -> None:
    joiner = Joiner(4_000)
    for datagram in datagrams:
        try:
            joiner.receive(datagram)
        except FrameError:
            return
        assert joiner.held <= 4_000
        assert len(joiner._messages) <= WINDOW
        assert sum(len(message.parts) for message in joiner._messages.values()) <= WINDOW + 4_000 // 256


def test_a_message_over_the_limit_is_too_large() -> None:
    joiner = Joiner(LIMIT)
    parts = cut(0, bytes(LIMIT + 1))
    with pytest.raises(FrameError) as caught:
        for part in parts:
            joiner.receive(part)
    assert caught.value.close_code == CloseCode.FRAME_TOO_LARGE
