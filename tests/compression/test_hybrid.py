from collections.abc import Callable

import pytest
from hypothesis import given

from compression.codec import CodecError, CompressionMethod, Library, default_model
from compression.hybrid import HybridCompressor
from tests.compression.strategies import TEXT

GREETING = "Hello! How can I help you today?"


def test_a_template_of_the_default_library() -> None:
    data, method = HybridCompressor().compress(GREETING)
    assert method is CompressionMethod.TEMPLATE
    assert len(data) == 2
    assert HybridCompressor().decompress(data) == GREETING


@given(TEXT)
def test_round_trip(text: str) -> None:
    compressor = HybridCompressor()
    data, method = compressor.compress(text)
    assert compressor.decompress(data) == text
    assert method == data[0] & 7


def test_a_known_template_is_coded_directly() -> None:
    compressor = HybridCompressor()
    data, method = compressor.compress(template_id=100, slots=["topic"])
    assert method is CompressionMethod.TEMPLATE
    assert "explain topic to me" in compressor.decompress(data)
    assert compressor.compress(template_id=0) == compressor.compress(GREETING)


def test_a_library_of_ones_own(library: Library) -> None:
    compressor = HybridCompressor(library)
    data, method = compressor.compress("Your order 17 is on its way.")
    assert (data, method) == (b"\x09\xc8\x0117", CompressionMethod.TEMPLATE)
    with pytest.raises(CodecError, match="unknown_template"):
        HybridCompressor().decompress(data)


def test_hybrid_compress_tells_the_sizes() -> None:
    result = HybridCompressor().hybrid_compress(GREETING)
    assert (result.method, result.template_id) == (CompressionMethod.TEMPLATE, 0)
    assert (result.original_size, result.compressed_size, result.ratio) == (32, 2, 16.0)
    empty = HybridCompressor().hybrid_compress("")
    assert (empty.original_size, empty.compressed_size, empty.ratio, empty.template_id) == (0, 1, 0.0, None)


def test_sizes_are_bytes_not_letters() -> None:
    assert HybridCompressor().hybrid_compress("مرحبا").original_size == 10


def test_the_limit_holds() -> None:
    data, _ = HybridCompressor().compress("a" * 2_000)
    with pytest.raises(CodecError, match="too_large"):
        HybridCompressor(limit=1_999).decompress(data)


def test_a_template_makes_no_text_that_could_not_be_read_again() -> None:
    fixed = len(HybridCompressor().decompress(HybridCompressor().compress(template_id=100, slots=[""])[0]))
    compressor = HybridCompressor(limit=fixed + 2_000)
    assert compressor.decompress(compressor.compress(template_id=100, slots=["é" * 1_000])[0])
    with pytest.raises(CodecError, match="too_large"):
        compressor.compress(template_id=100, slots=["é" * 1_000 + "x"])
    with pytest.raises(CodecError, match="too_large"):
        HybridCompressor().compress(template_id=100, slots=["x" * 300_000])


def test_slots_are_texts() -> None:
    with pytest.raises(TypeError, match="text \\(str\\), not int"):
        HybridCompressor().compress(template_id=100, slots=[5])  # type: ignore[list-item]


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_whatever_holds_bytes_can_be_decompressed(kind: Callable[[bytes], bytes]) -> None:
    for text in (GREETING, "No template makes this.", "Long " * 100):
        assert HybridCompressor().decompress(kind(HybridCompressor().compress(text)[0])) == text
    with pytest.raises(TypeError):
        HybridCompressor().decompress(5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "arguments",
    [{}, {"text": "a", "template_id": 0}, {"text": "a", "slots": []}, {"slots": ["a"]}],
)
def test_a_text_or_a_template_but_not_both(arguments: dict[str, object]) -> None:
    with pytest.raises(TypeError, match="either"):
        HybridCompressor().compress(**arguments)  # type: ignore[arg-type]


def test_a_model_codes_what_no_template_matches() -> None:
    compressor = HybridCompressor(model=default_model())
    text = "Sure! You can change the address of your order in your account."
    data, method = compressor.compress(text)
    assert method is CompressionMethod.MODEL
    assert len(data) < len(text) / 3
    assert compressor.decompress(data) == text
