"""Frames against their vectors and against arbitrary bytes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.protocol import frames
from streaming.protocol.errors import FrameError
from tests.vectors import frames as vectors

DATA = json.loads(vectors.FILE.read_text())


def test_the_file_of_vectors_is_what_the_code_makes() -> None:
    assert vectors.make() == DATA


@pytest.mark.parametrize(("name", "frame"), vectors.VALID, ids=[name for name, _ in vectors.VALID])
def test_a_frame_survives_its_bytes(name: str, frame: frames.Frame) -> None:
    assert frames.decode(frames.encode(frame)) == frame


@pytest.mark.parametrize("case", DATA["accepted"], ids=lambda case: case["name"])
def test_a_decoder_takes_what_others_may_write(case: dict) -> None:
    assert vectors.plain(frames.decode(bytes.fromhex(case["hex"]))) == case["frame"]


@pytest.mark.parametrize("case", DATA["invalid"], ids=lambda case: case["name"])
def test_invalid_bytes_are_refused(case: dict) -> None:
    with pytest.raises(FrameError):
        frames.decode(bytes.fromhex(case["hex"]))


@given(st.binary(max_size=80))
def test_any_bytes_are_a_frame_or_a_frame_error(data: bytes) -> None:
    try:
        frame = frames.decode(data)
    except FrameError:
        return
    assert frames.decode(frames.encode(frame)) == frame


@given(st.sampled_from([frames.encode(frame) for _, frame in vectors.VALID]), st.data())
def test_a_frame_cut_short_or_changed_never_raises_anything_else(data: bytes, draw: st.DataObject) -> None:
    cut = draw.draw(st.integers(0, len(data)))
    changed = bytearray(data[:cut])
    if changed:
        at = draw.draw(st.integers(0, len(changed) - 1))
        changed[at] = draw.draw(st.integers(0, 255))
    try:
        frames.decode(bytes(changed))
    except FrameError:
        pass


def test_a_message_that_is_too_long_is_cut_at_a_character() -> None:
    frame = frames.decode(frames.encode(frames.Fault(1, 16, "é" * 400)))
    assert isinstance(frame, frames.Fault)
    assert frame.message == "é" * 256


def test_a_stream_must_have_sixteen_bytes() -> None:
    with pytest.raises(ValueError, match="16"):
        frames.encode(frames.Open(1, b"short", 1, 0))


def test_the_check_covers_place_and_text() -> None:
    stream = bytes(16)
    check = frames.chunk_check(stream, 1, 5, 1, b"text")
    others = [
        frames.chunk_check(bytes(15) + b"\x01", 1, 5, 1, b"text"),
        frames.chunk_check(stream, 2, 5, 1, b"text"),
        frames.chunk_check(stream, 1, 6, 1, b"text"),
        frames.chunk_check(stream, 1, 5, 2, b"text"),
        frames.chunk_check(stream, 1, 5, 1, b"texT"),
    ]
    assert check not in others
