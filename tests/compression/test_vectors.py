"""The shared vectors, read by JavaScript too (tests/js/codec/vectors.test.mjs)."""

import json
from typing import Any

import pytest

from compression.codec import (
    CodecError,
    Library,
    decode,
    decode_varint,
    encode,
    encode_template,
    encode_varint,
)
from tests.vectors import codec

VARINTS = json.loads((codec.FOLDER / "varints.json").read_text())
PAYLOADS = json.loads((codec.FOLDER / "payloads.json").read_text())
LIBRARIES = {
    name: Library.from_manifest(json.dumps(entry["manifest"]), entry["hash"])
    for name, entry in PAYLOADS["libraries"].items()
}


def libraries(entry: dict[str, Any], index: int = 1) -> dict[int, Library]:
    return {index: LIBRARIES[entry["library"]]} if entry["library"] else {}


def _without_streams(content: dict[str, Any]) -> dict[str, Any]:
    """Another release of Brotli may find other, equally good streams."""
    for entry in content["encoded"]:
        if entry["method"] == "BROTLI":
            entry.pop("data")
    content["invalid"] = [entry for entry in content["invalid"] if not entry["name"].startswith("brotli")]
    return content


def test_files_are_what_the_command_writes() -> None:
    assert codec.varints() == VARINTS
    stored = json.loads((codec.FOLDER / "payloads.json").read_text())
    made = json.loads(json.dumps(codec.payloads()))
    made["over_limit"] = stored["over_limit"] = None
    assert _without_streams(made) == _without_streams(stored)


@pytest.mark.parametrize("entry", VARINTS["valid"], ids=lambda entry: str(entry["number"]))
def test_valid_varint(entry: dict[str, Any]) -> None:
    data = bytes.fromhex(entry["data"])
    assert encode_varint(entry["number"]) == data
    assert decode_varint(b"\xff" + data + b"\xff", 1) == (entry["number"], 1 + len(data))


@pytest.mark.parametrize("entry", VARINTS["invalid"], ids=lambda entry: entry["data"] or "empty")
def test_invalid_varint(entry: dict[str, Any]) -> None:
    with pytest.raises(CodecError) as caught:
        decode_varint(bytes.fromhex(entry["data"]))
    assert caught.value.name == entry["error"]


@pytest.mark.parametrize("entry", PAYLOADS["encoded"], ids=lambda entry: entry["text"][:20])
def test_encoded_text(entry: dict[str, Any]) -> None:
    library = LIBRARIES[entry["library"]] if entry["library"] else None
    result = encode(entry["text"], library, entry["index"])
    assert (result.method.name, result.template_id) == (entry["method"], entry["template_id"])
    data = bytes.fromhex(entry["data"])
    if entry["method"] != "BROTLI":
        assert result.data == data
    assert decode(data, libraries(entry, entry["index"])) == entry["text"]


@pytest.mark.parametrize("entry", PAYLOADS["filled"], ids=lambda entry: str(entry["template_id"]))
def test_filled_template(entry: dict[str, Any]) -> None:
    library = LIBRARIES[entry["library"]]
    result = encode_template(entry["template_id"], entry["slots"], library, entry["index"])
    assert result.data.hex() == entry["data"]
    assert decode(result.data, {entry["index"]: library}) == entry["text"]


@pytest.mark.parametrize("entry", PAYLOADS["invalid"], ids=lambda entry: entry["name"])
def test_invalid_payload(entry: dict[str, Any]) -> None:
    with pytest.raises(CodecError) as caught:
        decode(bytes.fromhex(entry["data"]), libraries(entry))
    assert caught.value.name == entry["error"]


@pytest.mark.parametrize("entry", PAYLOADS["over_limit"], ids=lambda entry: entry["name"])
def test_limit(entry: dict[str, Any]) -> None:
    data = bytes.fromhex(entry["data"])
    with pytest.raises(CodecError) as caught:
        decode(data, libraries(entry), entry["limit"])
    assert caught.value.name == "too_large"
    assert len(decode(data, libraries(entry), entry["limit"] + 1).encode()) == entry["limit"] + 1
