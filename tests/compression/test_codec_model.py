"""The primed model: vectors shared with JavaScript, round trips, hostile bytes, streams in turn, the build."""

import json
from itertools import chain
from pathlib import Path

import brotli
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compression.codec import (
    CodecError,
    CompressionMethod,
    LibraryError,
    Model,
    Piece,
    decode,
    default_dictionary,
    default_model,
    dictionary_of,
    encode,
)
from compression.codec.model import MAX_TEXT
from compression.codec.native import build
from tests.vectors import model as vectors

VECTORS = json.loads(vectors.FILE.read_text())
MODEL = Model(vectors.DICTIONARY.encode())
WORDS = sorted({word + end for word in vectors.DICTIONARY.replace("\0", " ").split() for end in (" ", "\n", ".")})

#: Texts that share much with the dictionary, and any others.
texts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=80),
    st.lists(st.sampled_from(WORDS), max_size=60).map("".join),
)
pieces = st.lists(texts.filter(bool), min_size=1, max_size=12)


def test_file_is_what_the_command_writes() -> None:
    assert json.loads(json.dumps(vectors.content())) == VECTORS


@pytest.mark.parametrize("entry", VECTORS["messages"], ids=lambda entry: entry["text"][:20])
def test_message_vector(entry: dict[str, str]) -> None:
    assert MODEL.decode(bytes.fromhex(entry["code"])).decode() == entry["text"]


@pytest.mark.parametrize("code", VECTORS["invalid"])
def test_invalid_vector(code: str) -> None:
    with pytest.raises(CodecError) as caught:
        MODEL.decode(bytes.fromhex(code))
    assert caught.value.name == "bad_model"


def test_a_text_of_the_dictionary_is_a_few_bytes() -> None:
    text = b"I am sorry to hear that your parcel did not arrive. Could you please send me the number of your order?"
    code = MODEL.encode(text)
    assert code is not None
    assert len(code) < len(text) / 8


@given(texts)
def test_round_trip(text: str) -> None:
    code = MODEL.encode(text.encode())
    assert code is not None
    assert MODEL.decode(code).decode() == text


def test_what_the_model_cannot_code() -> None:
    assert MODEL.encode(b"a\0b") is None
    assert MODEL.encode(b"a" * (MAX_TEXT + 1)) is None
    code = MODEL.encode(b"ab" * (MAX_TEXT // 2))
    assert code is not None
    assert MODEL.decode(code) == b"ab" * (MAX_TEXT // 2)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_error_or_a_text_that_codes_to_them(data: bytes) -> None:
    try:
        content = MODEL.decode(data)
    except CodecError as error:
        assert error.name in {"bad_model", "too_large"}
    else:
        assert MODEL.encode(content) == data


@given(texts, st.data())
def test_a_cut_or_changed_code_never_gives_an_uncoded_text(text: str, data: st.DataObject) -> None:
    code = MODEL.encode(text.encode())
    assert code is not None
    changed = bytearray(code)
    if changed:
        place = data.draw(st.integers(0, len(changed) - 1))
        changed[place] ^= data.draw(st.integers(1, 255))
    for wrong in (bytes(changed), code[:-1], code + b"\x01"):
        try:
            content = MODEL.decode(wrong)
        except CodecError:
            continue
        assert MODEL.encode(content) == wrong


@given(texts, st.integers(0, 40))
def test_limit(text: str, limit: int) -> None:
    code = MODEL.encode(text.encode())
    assert code is not None
    if len(text.encode()) <= limit:
        assert MODEL.decode(code, limit).decode() == text
    else:
        with pytest.raises(CodecError) as caught:
            MODEL.decode(code, limit)
        assert caught.value.name == "too_large"


@given(pieces)
def test_flushed_pieces(parts: list[str]) -> None:
    writer, reader = MODEL.writer(), MODEL.reader()
    for part in parts:
        assert reader.get(writer.put(part.encode())).decode() == part


@given(pieces)
def test_settled_pieces(parts: list[str]) -> None:
    writer, reader = MODEL.writer(), MODEL.reader()
    how = [Piece.SETTLED] * (len(parts) - 1) + [Piece.LAST]
    shown = b""
    sent = ""
    for part, way in zip(parts, how, strict=True):
        shown += reader.get(writer.put(part.encode(), way), way)
        sent += part
        assert sent.encode().startswith(shown)
    assert shown.decode() == sent


@given(pieces, pieces)
def test_texts_in_turn(left: list[str], right: list[str]) -> None:
    """Two texts that are coded in turn on one model are coded as each would be alone."""
    alone = [_codes(parts) for parts in (left, right)]
    writers, readers = (MODEL.writer(), MODEL.writer()), (MODEL.reader(), MODEL.reader())
    codes: list[list[bytes]] = [[], []]
    for number in range(max(len(left), len(right))):
        for side, parts in enumerate((left, right)):
            if number < len(parts):
                codes[side].append(writers[side].put(parts[number].encode()))
                MODEL.encode(b"another message between them")
                assert readers[side].get(codes[side][-1]).decode() == parts[number]
    assert codes == alone


def _codes(parts: list[str]) -> list[bytes]:
    writer = MODEL.writer()
    return [writer.put(part.encode()) for part in parts]


@given(pieces, st.binary(max_size=40), st.sampled_from(Piece))
def test_a_reader_given_any_bytes_ends(parts: list[str], data: bytes, how: Piece) -> None:
    writer, reader = MODEL.writer(), MODEL.reader()
    for part in parts:
        reader.get(writer.put(part.encode(), min(how, Piece.SETTLED)), min(how, Piece.SETTLED))
    try:
        content = reader.get(data, how)
    except CodecError as error:
        assert error.name in {"bad_model", "too_large"}
    else:
        assert len(content) <= MAX_TEXT


def test_state_is_small_and_does_not_grow() -> None:
    writer = MODEL.writer()
    sizes = set()
    for part in chain.from_iterable([["Hello! ", "How can I help you today? "] * 400]):
        writer.put(part.encode())
        assert writer._state is not None
        sizes.add(len(writer._state))
    assert len(sizes) == 1
    assert sizes.pop() <= 128 * 1024


@settings(deadline=None, max_examples=5)
@given(st.binary(min_size=1, max_size=3000))
def test_any_bytes_prime_a_model(dictionary: bytes) -> None:
    model = Model(dictionary)
    code = model.encode(b"any text")
    assert code is not None
    assert model.decode(code) == b"any text"


def test_a_dictionary_has_bounds() -> None:
    for size in (0, (4 << 20) + 1):
        with pytest.raises(LibraryError):
            Model(b"a" * size)


def test_another_model_does_not_decode() -> None:
    other = Model(vectors.DICTIONARY.encode() + b"More text.\0")
    code = MODEL.encode(b"I have asked the carrier where your parcel is.")
    assert code is not None
    with pytest.raises(CodecError):
        other.decode(code)


def test_payload() -> None:
    text = "Your order has been shipped on Monday."
    encoded = encode(text, index=3, model=MODEL)
    assert encoded.method is CompressionMethod.MODEL
    assert encoded.data[0] == 3 << 3 | 3
    assert decode(encoded.data, models={3: MODEL}) == text
    for models in ({}, {1: MODEL}, None):
        with pytest.raises(CodecError) as caught:
            decode(encoded.data, models=models)
        assert caught.value.name == "not_primed"


def test_payload_falls_back_where_the_model_does_not_help() -> None:
    repeated = "0123456789abcdef" * 2000
    assert encode(repeated, index=1, model=MODEL).method is CompressionMethod.BROTLI
    assert encode("a\0", index=1, model=MODEL).method is CompressionMethod.RAW
    assert encode("", index=1, model=MODEL).data == b"\0"


@given(texts)
def test_payload_is_never_larger_than_without_the_model(text: str) -> None:
    size = len(encode(text, index=1, model=MODEL).data)
    assert size <= len(text.encode()) + 1


def test_the_default_dictionary_helps_with_text_it_does_not_hold() -> None:
    model = default_model()
    assert model.dictionary == default_dictionary()
    text = (
        "Sure! To change the address of your order, open your account and choose the order that you would like to edit."
    )
    code = model.encode(text.encode())
    assert code is not None
    assert len(code) < len(brotli.compress(text.encode())) * 0.75
    assert model.decode(code).decode() == text


def test_dictionary_of_texts() -> None:
    assert dictionary_of(["a", "b\0", "é"]) == b"a\0\xc3\xa9\0"


def test_without_simd_it_is_the_same() -> None:
    scalar = Model(vectors.DICTIONARY.encode(), build.TARGET / "model-scalar.wasm")
    for entry in VECTORS["messages"]:
        code = scalar.encode(entry["text"].encode())
        assert code is not None
        assert code.hex() == entry["code"]


def test_the_modules_are_what_the_source_builds(tmp_path: Path) -> None:
    build.build(tmp_path)
    for name in build.VARIANTS:
        module = (build.TARGET / name).read_bytes()
        assert module == (tmp_path / name).read_bytes(), f"{name}: python -m compression.codec.native.build"
        assert len(module) < 65_536
