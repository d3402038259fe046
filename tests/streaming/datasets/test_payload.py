"""Payloads: what an input looks like, and coding that can be undone with any tool."""

import gzip
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.datasets.payload import Codec, Content, codec_for, coded, compress, content_of, decompress, results_of


@pytest.mark.parametrize(
    ("sample", "content"),
    [
        (b"plain words", Content.TEXT),
        ("Zürich, 東京".encode() * 1000, Content.TEXT),
        (b' {"a": 1}', Content.JSON),
        (b"[1, 2]", Content.JSON),
        (b"\x00\x01\x02", Content.BYTES),
        (b"\xff\xfe", Content.BYTES),
        (b"", Content.TEXT),
    ],
)
def test_what_an_input_looks_like(sample: bytes, content: Content) -> None:
    assert content_of(sample) is content


@given(st.integers(0, 8))
def test_a_character_cut_in_two_is_still_text(cut: int) -> None:
    data = ("a" * cut + "😀" * 2000).encode()
    assert content_of(data) is Content.TEXT


@given(st.binary(max_size=5000), st.sampled_from(Codec), st.integers(0, 3))
def test_coding_can_be_undone(data: bytes, codec: Codec, level: int) -> None:
    made = compress(data, codec, level)
    assert decompress(made, codec if level else Codec.NONE) == data
    assert made == compress(data, codec, level)
    if level and codec is Codec.GZIP:
        assert gzip.decompress(made) == data
    if level and codec is Codec.ZLIB:
        assert zlib.decompress(made) == data


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False)), st.sampled_from(Codec), st.integers(0, 3), st.booleans()
)
def test_fields_carry_results(numbers: list[float], codec: Codec, level: int, hexadecimal: bool) -> None:
    value = json.dumps(numbers).encode()
    fields = coded(value, codec, level, hexadecimal=hexadecimal)
    if fields is not None:
        assert results_of(fields) == value
        assert ("hex" in fields) == hexadecimal
    else:
        assert not hexadecimal


def test_damage_and_bombs_are_refused() -> None:
    with pytest.raises(ValueError, match="damaged"):
        decompress(b"nonsense", Codec.GZIP)
    with pytest.raises(ValueError, match="larger"):
        decompress(compress(b"0" * 100_000, Codec.ZLIB, 3), Codec.ZLIB, 1000)
    assert codec_for(Content.BYTES) is Codec.ZLIB
    assert codec_for(Content.JSON) is Codec.GZIP
