"""How results are coded inside an event."""

import base64
import zlib
from collections.abc import Mapping
from enum import StrEnum

import orjson


class Content(StrEnum):
    """What an input looks like."""

    TEXT = "text"
    JSON = "json"
    BYTES = "bytes"


class Codec(StrEnum):
    """GZIP is RFC 1952, ZLIB RFC 1950."""

    NONE = "none"
    GZIP = "gzip"
    ZLIB = "zlib"


# zlib's levels for compression_level 0 to 3.
ZLIB_LEVELS = (0, 1, 6, 9)
# Bytes at the beginning of an input that show what it is, and the share of control characters that text may have.
SAMPLE = 4_096
CONTROL_SHARE = 0.02


def content_of(sample: bytes) -> Content:
    """Return what the first SAMPLE bytes of an input look like."""
    sample = sample[:SAMPLE]
    # A character cut in two at the end is no reason against text (at most three bytes of it are there).
    for cut in range(min(4, len(sample) or 1)):
        try:
            text = sample[: len(sample) - cut].decode()
            break
        except UnicodeDecodeError:
            continue
    else:
        return Content.BYTES
    controls = sum(character < " " and character not in "\t\n\r\f" for character in text)
    if controls > CONTROL_SHARE * len(text):
        return Content.BYTES
    return Content.JSON if text.lstrip()[:1] in ("{", "[") else Content.TEXT


def codec_for(content: Content) -> Codec:
    """Return gzip for what people read, because every machine has a tool for it; zlib for bytes, 12 bytes shorter."""
    return Codec.ZLIB if content is Content.BYTES else Codec.GZIP


def compress(data: bytes, codec: Codec, level: int) -> bytes:
    """Return `data` coded; level 0 to 3. The same bytes each time: gzip's time stamp is zero."""
    if codec is Codec.NONE or level == 0:
        return data
    coder = zlib.compressobj(ZLIB_LEVELS[level], zlib.DEFLATED, 31 if codec is Codec.GZIP else 15)
    return coder.compress(data) + coder.flush()


def decompress(data: bytes, codec: Codec, limit: int = 1 << 20) -> bytes:
    """Return what was coded. Raises ValueError for damage, or for more than `limit` bytes."""
    if codec is Codec.NONE:
        return data
    decoder = zlib.decompressobj(31 if codec is Codec.GZIP else 15)
    try:
        out = decoder.decompress(data, limit)
    except zlib.error as error:
        raise ValueError(f"damaged: {error}") from None
    if not decoder.eof:
        raise ValueError("damaged, or larger than the limit")
    return out


def coded(data: bytes, codec: Codec, level: int, *, hexadecimal: bool) -> dict[str, object] | None:
    """Return `data` as fields of an event: `codec`, and the bytes as `hex`, or as `base64`; None when coding gains nothing.

    Hex is always given, even when it gains nothing.
    """
    used = codec if level else Codec.NONE
    made = compress(data, used, level)
    if hexadecimal:
        return {"codec": used.value, "hex": made.hex()}
    if used is Codec.NONE or len(made) * 4 // 3 >= len(data):
        return None
    return {"codec": used.value, "base64": base64.b64encode(made).decode()}


def results_of(event: Mapping[str, object]) -> bytes:
    """Return the JSON that a chunk event carries, in whatever form: a result, an array, or a piece of a document.

    Raises ValueError for damage.
    """
    codec = Codec(str(event.get("codec", Codec.NONE.value)))
    if "hex" in event:
        return decompress(bytes.fromhex(str(event["hex"])), codec)
    if "base64" in event:
        return decompress(base64.b64decode(str(event["base64"]), validate=True), codec)
    if "text" in event:
        return str(event["text"]).encode()
    return dump(event.get("results", event))


def dump(value: object) -> bytes:
    """Return canonical enough JSON: the same value is the same bytes, numbers by their shortest form."""
    return orjson.dumps(value)
