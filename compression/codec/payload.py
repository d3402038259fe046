"""One text as one payload, and back (wire-format.md, sections 2 to 6)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import brotli  # type: ignore[import-untyped]

from compression.codec.errors import CodecError
from compression.codec.library import Library
from compression.codec.model import Model
from compression.codec.template import Template
from compression.codec.varint import decode_varint, encode_varint

#: Bytes of text that a payload may unpack to, if the caller sets no other limit.
DEFAULT_LIMIT: Final = 262_144
MAX_INDEX: Final = 31

# Measured on chat answers with a window of 64 KB: quality 11 codes them in 0.45 to 0.86 of their size within
# 0.2 to 0.5 ms, quality 5 in 0.53 to 0.91 within 0.02 ms. Below 64 bytes (single tokens) the difference is a
# byte or two, above 1,024 the time passes a millisecond.
_FINE_SIZES: Final = range(64, 1025)
_FINE, _FAST = 11, 5
_SMALLEST_WINDOW, _LARGEST_WINDOW = 16, 22
# No stream is smaller than its text below this size: a header and a few letters take as much.
_BROTLI_FROM: Final = 8
# The model codes a text in a fifth of its size, at about a microsecond a byte. Longer texts go to Brotli, which is faster
# there; where the model leaves more than that share of a text (noise, another language) Brotli is tried as well.
_MODEL_TO: Final = 16_384
_POOR: Final = 0.45
# A template payload of that many bytes is not worth a second opinion.
_SMALL_ENOUGH: Final = 4
# How the end of a stream is searched in data that does not end with it.
_BLOCK: Final = 512


class CompressionMethod(IntEnum):
    """How a payload holds its text: the low three bits of its first byte."""

    RAW = 0
    TEMPLATE = 1
    BROTLI = 2
    MODEL = 3


@dataclass(frozen=True, slots=True)
class Encoded:
    """A payload: its bytes, its method, and the template's id if that is the method."""

    data: bytes
    method: CompressionMethod
    template_id: int | None = None


def encode(
    text: str, library: Library | None = None, index: int = 0, model: Model | None = None, *, fine: bool = True
) -> Encoded:
    """Return the smallest payload of `text`: raw, template, Brotli or model; of equal ones the lower method.

    `index` (1 to 31) is what the session calls `library` and `model`; without a library no template is used, without a
    model no model: give it only when the other side has primed it. Where the model does well Brotli is not tried. The
    payload is at most one byte longer than the text. Without `fine` no model is used, and Brotli takes a twentieth of the
    time and a tenth more bytes. Raises CodecError `bad_utf8` for a lone surrogate, ValueError for an index outside its
    range.
    """
    content = _utf8(text)
    best = Encoded(b"\x00" + content, CompressionMethod.RAW)
    if library is not None or model is not None:
        _check_index(index)
    if library is not None:
        match = library.match(text)
        if match is not None and match.size < len(best.data):
            template_id = match.template.id
            best = Encoded(
                _template_payload(match.template, match.slots, index), CompressionMethod.TEMPLATE, template_id
            )
    if fine and model is not None and len(best.data) > _SMALL_ENOUGH and len(content) <= _MODEL_TO:
        code = model.encode(content)
        if code is not None:
            if 1 + len(code) < len(best.data):
                best = Encoded(bytes((index << 3 | CompressionMethod.MODEL,)) + code, CompressionMethod.MODEL)
            if len(best.data) <= _POOR * len(content):
                return best
    if len(content) >= _BROTLI_FROM:
        stream = _compress(content, fine)
        brotli_size = 1 + len(stream)
        # Brotli has the lower number: it wins a draw against the model.
        if brotli_size < len(best.data) or (brotli_size == len(best.data) and best.method is CompressionMethod.MODEL):
            best = Encoded(bytes((CompressionMethod.BROTLI,)) + stream, CompressionMethod.BROTLI)
    return best


def encode_template(template_id: int, slots: Sequence[str], library: Library, index: int) -> Encoded:
    """Return the template payload of a known template and its slot values, whatever its size.

    Raises CodecError `unknown_template` for an id that the library lacks, `bad_utf8` for a lone surrogate, TypeError for a
    value that is no text, ValueError for another number of slots than the template has or an index outside 1 to 31.
    """
    _check_index(index)
    template = library.template(template_id)
    if template is None:
        raise CodecError("unknown_template")
    if len(slots) != template.slot_count:
        raise ValueError(f"Template {template_id} has {template.slot_count} slots, not {len(slots)}.")
    for slot in slots:
        if not isinstance(slot, str):
            raise TypeError(f"The value of a slot is a text (str), not {type(slot).__name__}.")
    return Encoded(_template_payload(template, slots, index), CompressionMethod.TEMPLATE, template_id)


def decode(
    data: bytes,
    libraries: Mapping[int, Library] | None = None,
    limit: int = DEFAULT_LIMIT,
    models: Mapping[int, Model] | None = None,
) -> str:
    """Return the text of a payload.

    `libraries` and `models` hold the library and the primed model of each index that was issued; `limit` is the most
    bytes the text may have in UTF-8. Time and memory are bounded by `limit` and the payload's size. Raises CodecError,
    and nothing else, whatever the bytes.
    """
    if not data:
        raise CodecError("truncated")
    method, index = data[0] & 0x07, data[0] >> 3
    if method == CompressionMethod.TEMPLATE:
        library = libraries.get(index) if libraries else None
        if library is None or index == 0:
            raise CodecError("unknown_library")
        return _decode_template(data, library, limit)
    if method == CompressionMethod.MODEL:
        model = models.get(index) if models else None
        if model is None or index == 0:
            raise CodecError("not_primed")
        return _text(model.decode(data[1:], limit))
    if index != 0 or method not in (CompressionMethod.RAW, CompressionMethod.BROTLI):
        raise CodecError("unknown_method")
    if method == CompressionMethod.BROTLI:
        return _text(_decompress(data[1:], limit))
    if len(data) - 1 > limit:
        raise CodecError("too_large")
    return _text(data[1:])


def _check_index(index: int) -> None:
    if not 1 <= index <= MAX_INDEX:
        raise ValueError(f"The index of a library is 1 to {MAX_INDEX}, not {index}.")


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise CodecError("bad_utf8") from error


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise CodecError("bad_utf8") from error


def _template_payload(template: Template, slots: Sequence[str], index: int) -> bytes:
    data = bytearray((index << 3 | CompressionMethod.TEMPLATE,))
    data += encode_varint(template.id)
    for number, slot in enumerate(slots, start=1):
        content = _utf8(slot)
        forms = template.forms[number - 1] if template.forms else None
        if forms is not None:
            data += forms.encode(slot)
            continue
        if number < len(slots):
            data += encode_varint(len(content))
        data += content
    return bytes(data)


def _decode_template(data: bytes, library: Library, limit: int) -> str:
    template_id, position = decode_varint(data, 1)
    template = library.template(template_id)
    if template is None:
        raise CodecError("unknown_template")
    contents = []
    for number in range(template.slot_count):
        forms = template.forms[number] if template.forms else None
        if forms is not None:
            content, position = forms.decode(data, position)
        elif number + 1 < template.slot_count:
            size, position = decode_varint(data, position)
            if size > len(data) - position:
                raise CodecError("truncated")
            content = data[position : position + size]
            position += size
        else:
            content, position = data[position:], len(data)
        contents.append(content)
    if position < len(data):
        raise CodecError("trailing_bytes")
    if template.fixed_bytes + sum(map(len, contents)) > limit:
        raise CodecError("too_large")
    return template.fill([_text(content) for content in contents])


def _compress(content: bytes, fine: bool = True) -> bytes:
    quality = _FINE if fine and len(content) in _FINE_SIZES else _FAST
    window = min(_LARGEST_WINDOW, max(_SMALLEST_WINDOW, len(content).bit_length()))
    stream: bytes = brotli.compress(content, quality=quality, lgwin=window)
    return stream


def _decompress(stream: bytes, limit: int) -> bytes:
    if stream and _too_wide(stream[0]):
        raise CodecError("bad_brotli")
    decompressor = brotli.Decompressor()
    try:
        # One byte over the limit tells a text of exactly that size from a longer one.
        content: bytes = decompressor.process(stream, output_buffer_limit=limit + 1)
    except brotli.error as error:
        raise CodecError(_brotli_fault(stream, limit)) from error
    if len(content) > limit:
        raise CodecError("too_large")
    if not decompressor.is_finished():
        raise CodecError("truncated")
    return content


def _too_wide(first: int) -> bool:
    """Return whether a Brotli stream's first byte claims a window over 2^22 bytes (RFC 7932, section 9.1).

    A decoder fills its window before it hands anything out, so a window of 2^24 bytes makes 80 hostile bytes
    cost 30 ms; nothing as short as a message gains from it.
    """
    return first & 0x0F in (0x0D, 0x0F) or first & 0x7F == 0x11


def _brotli_fault(stream: bytes, limit: int) -> str:
    """Return why Brotli refused `stream`: the binding reports bad data and bytes behind the end alike.

    The first pass finds the block that it refuses, the second looks at that block byte by byte: data that is
    bad is refused before the stream is finished, data behind the end after it.
    """
    start = 0
    probe = brotli.Decompressor()
    try:
        for start in range(0, len(stream), _BLOCK):
            probe.process(stream[start : start + _BLOCK], output_buffer_limit=limit + 1)
    except brotli.error:
        pass
    probe = brotli.Decompressor()
    try:
        probe.process(stream[:start], output_buffer_limit=limit + 1)
        for position in range(start, len(stream)):
            if probe.is_finished():
                return "trailing_bytes"
            probe.process(stream[position : position + 1], output_buffer_limit=limit + 1)
    except brotli.error:
        pass
    return "bad_brotli"
