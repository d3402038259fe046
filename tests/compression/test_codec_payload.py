import random

import brotli
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from compression.codec import (
    CodecError,
    CompressionMethod,
    Library,
    Template,
    decode,
    default_library,
    encode,
    encode_template,
)
from compression.codec.errors import MESSAGES
from tests.compression.strategies import TEXT, libraries, matching_texts

LIBRARIES = {1: default_library(), 31: Library([Template(0, ("Hello, ", "!")), Template(5, ("a", "b", "c"))])}


@given(st.data())
def test_round_trip_is_smallest_and_never_much_longer(data: st.DataObject) -> None:
    library = data.draw(libraries())
    text = data.draw(matching_texts(library))
    index = data.draw(st.integers(1, 31))
    encoded = encode(text, library, index)
    size = len(text.encode())
    assert decode(encoded.data, {index: library}) == text
    assert len(encoded.data) <= 1 + size
    match = library.match(text)
    if match is not None:
        assert len(encoded.data) <= match.size
    assert encoded.data[0] == encoded.method | (index << 3 if encoded.method == 1 else 0)
    assert (encoded.template_id is None) == (encoded.method != CompressionMethod.TEMPLATE)


@given(TEXT, st.integers(1, 40))
def test_round_trip_without_a_library(text: str, times: int) -> None:
    assert decode(encode(text * times).data) == text * times


def test_long_repetition_becomes_brotli() -> None:
    text = "all work and no play " * 5_000
    encoded = encode(text)
    assert encoded.method is CompressionMethod.BROTLI
    assert len(encoded.data) < 100
    assert decode(encoded.data) == text


def test_a_template_that_costs_more_than_another_method_is_not_used() -> None:
    library = Library([Template(2**53 - 1, ("a", ""))])
    assert encode("abc", library, 1).method is CompressionMethod.RAW
    assert encode("a" * 500, library, 1).method is CompressionMethod.BROTLI


def test_of_equal_sizes_the_lower_method_wins() -> None:
    library = Library([Template(0, ("a", "c"))])
    # Raw: 1 + 3 bytes; template: 1 + 1 + 1.
    assert encode("abc", library, 1).method is CompressionMethod.TEMPLATE
    library = Library([Template(0, ("a", ""))])
    assert encode("abc", library, 1).method is CompressionMethod.RAW


def outcome(data: bytes) -> str | int:
    """Decode with a limit of 1,000 bytes; return the error's name or the text's size. Nothing else may be raised."""
    try:
        return len(decode(data, LIBRARIES, limit=1_000).encode())
    except CodecError as error:
        return error.name


def assert_bounded(result: str | int) -> None:
    assert result in MESSAGES or (isinstance(result, int) and result <= 1_000)


@given(st.binary(max_size=200))
@example(b"\x09\x65\x03TCPUDP")
def test_any_bytes_give_a_bounded_text_or_a_codec_error(data: bytes) -> None:
    assert_bounded(outcome(data))


@given(st.binary(max_size=200), st.sampled_from([0x00, 0x02, 0x09, 0xF9]))
def test_any_bytes_behind_a_real_method_byte(data: bytes, method_byte: int) -> None:
    assert_bounded(outcome(bytes((method_byte,)) + data))


def test_mutated_and_cut_streams_never_break_out() -> None:
    draw = random.Random(20)
    stream = encode("A stream that will be broken in many ways, a stream that will be broken. " * 30).data
    assert stream[0] == CompressionMethod.BROTLI
    for _ in range(3_000):
        broken = bytearray(stream)
        broken[draw.randrange(1, len(broken))] ^= 1 << draw.randrange(8)
        del broken[draw.randrange(1, len(broken) + 1) :]
        assert_bounded(outcome(bytes(broken)))


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 1024, 5_000])
def test_bytes_behind_a_stream_are_told_from_bad_ones_at_any_size(size: int) -> None:
    content = random.Random(size).randbytes(size).hex().encode()
    stream = b"\x02" + brotli.compress(content, lgwin=18)
    assert decode(stream) == content.decode()
    for more in (b"\x00", b"\xff" * 600):
        with pytest.raises(CodecError, match="trailing_bytes"):
            decode(stream + more)
    with pytest.raises(CodecError, match="truncated"):
        decode(stream[:-1])


def test_a_small_frame_cannot_unpack_past_the_limit() -> None:
    bomb = b"\x02" + brotli.compress(bytes(50_000_000), lgwin=22)
    assert len(bomb) < 200
    with pytest.raises(CodecError, match="too_large"):
        decode(bomb)


@pytest.mark.parametrize("encoder", [encode, lambda text: encode(text, LIBRARIES[31], 31)])
def test_a_lone_surrogate_cannot_be_coded(encoder: object) -> None:
    with pytest.raises(CodecError, match="bad_utf8"):
        encoder("Hello, \ud800!")  # type: ignore[operator]


def test_a_known_template_is_coded_directly() -> None:
    encoded = encode_template(100, ["topic"], default_library(), 1)
    assert encoded.data == b"\x09\x64topic"
    assert "topic" in decode(encoded.data, LIBRARIES)


def test_what_a_known_template_cannot_be() -> None:
    with pytest.raises(CodecError, match="unknown_template"):
        encode_template(99, [], default_library(), 1)
    with pytest.raises(ValueError, match="1 slots, not 2"):
        encode_template(100, ["a", "b"], default_library(), 1)
    with pytest.raises(CodecError, match="bad_utf8"):
        encode_template(100, ["\udfff"], default_library(), 1)


@pytest.mark.parametrize("index", [0, 32, -1])
def test_an_index_outside_its_range_is_refused(index: int) -> None:
    with pytest.raises(ValueError, match="1 to 31"):
        encode("a", default_library(), index)
    with pytest.raises(ValueError, match="1 to 31"):
        encode_template(0, [], default_library(), index)
