import pytest
from hypothesis import given
from hypothesis import strategies as st

from compression.codec.errors import CodecError
from compression.codec.varint import MAX_VARINT, decode_varint, encode_varint, varint_size


@given(st.integers(0, MAX_VARINT), st.binary(max_size=4), st.binary(max_size=4))
def test_round_trip_inside_other_bytes(number: int, before: bytes, behind: bytes) -> None:
    coded = encode_varint(number)
    assert len(coded) == varint_size(number)
    assert decode_varint(before + coded + behind, len(before)) == (number, len(before) + len(coded))


@given(st.binary(max_size=12))
def test_any_bytes_give_the_shortest_coding_or_an_error(data: bytes) -> None:
    try:
        number, position = decode_varint(data)
    except CodecError as error:
        assert error.name in ("truncated", "bad_varint")
    else:
        assert encode_varint(number) == data[:position]


@given(st.integers(0, MAX_VARINT))
def test_every_cut_is_truncated(number: int) -> None:
    coded = encode_varint(number)
    for size in range(len(coded)):
        with pytest.raises(CodecError, match="truncated"):
            decode_varint(coded[:size])


@pytest.mark.parametrize("number", [-1, MAX_VARINT + 1])
def test_numbers_outside_are_refused(number: int) -> None:
    with pytest.raises(ValueError, match="2\\^53"):
        encode_varint(number)
