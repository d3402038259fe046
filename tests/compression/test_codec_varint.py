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
    if len(data) < 8 and all(byte >= 0x80 for byte in data):
        with pytest.raises(CodecError, match="truncated"):
            decode_varint(data)
        return
    try:
        number, position = decode_varint(data)
    except CodecError as error:
        name = error.name
    else:
        name = "bad_varint" if encode_varint(number) != data[:position] else ""
    end = next((n for n, byte in enumerate(data[:8]) if byte < 0x80), 8)
    longest_or_too_large = end == 8 or (end > 0 and data[end] == 0) or (end == 7 and data[7] > 0x0F)
    assert name == ("bad_varint" if longest_or_too_large else "")


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
