"""Fields: the encoding of all frames that are not hot (docs/reference/protocol.md, section 3).

The bytes are those of a Protocol Buffers message with the same numbers, so that a peer may use any Protocol Buffers
library. A frame class declares its fields with `varint`, `fixed32`, `octets` and `string`; `encode` and `decode` follow the
declaration.
"""

import dataclasses
from typing import Any

from compression.codec.errors import CodecError
from compression.codec.varint import decode_varint, encode_varint
from streaming.protocol.errors import FrameError

_VARINT, _LENGTH, _FIXED32 = 0, 2, 5
REPEATED_LIMIT = 32


@dataclasses.dataclass(frozen=True, slots=True)
class _Spec:
    """How one attribute stands in a frame."""

    number: int
    kind: int
    text: bool = False
    repeated: bool = False
    size: int = 0  # exact length in bytes, 0 for any
    limit: int = 0  # greatest length in bytes, 0 for any


def _declare(spec: _Spec, default: Any) -> Any:
    return dataclasses.field(default=() if spec.repeated else default, metadata={"spec": spec})


def varint(number: int, *, repeated: bool = False) -> Any:
    """Declare an unsigned integer up to 2^53 - 1."""
    return _declare(_Spec(number, _VARINT, repeated=repeated), 0)


def fixed32(number: int) -> Any:
    """Declare four bytes read as an unsigned integer."""
    return _declare(_Spec(number, _FIXED32), 0)


def octets(number: int, *, size: int = 0, repeated: bool = False) -> Any:
    """Declare bytes, of exactly `size` where that is not 0."""
    return _declare(_Spec(number, _LENGTH, repeated=repeated, size=size), b"")


def string(number: int, *, limit: int) -> Any:
    """Declare a text of at most `limit` bytes of UTF-8."""
    return _declare(_Spec(number, _LENGTH, text=True, limit=limit), "")


def specs(frame_class: Any) -> dict[str, _Spec]:
    """Return the declared fields of a frame class by attribute name."""
    known = _SPECS.get(frame_class)
    if known is None:
        known = _SPECS[frame_class] = _read_specs(frame_class)
    return known


_SPECS: dict[Any, dict[str, _Spec]] = {}


_BY_NUMBER: dict[Any, dict[int, tuple[str, _Spec | None]]] = {}
_UNKNOWN: tuple[str, _Spec | None] = ("", None)


def _by_number(frame_class: Any) -> dict[int, tuple[str, _Spec | None]]:
    known = _BY_NUMBER.get(frame_class)
    if known is None:
        found = specs(frame_class).items()
        known = _BY_NUMBER[frame_class] = {spec.number: (name, spec) for name, spec in found}
    return known


def _read_specs(frame_class: Any) -> dict[str, _Spec]:
    return {item.name: item.metadata["spec"] for item in dataclasses.fields(frame_class) if "spec" in item.metadata}


def encode(frame: Any) -> bytes:
    """Return the fields of `frame` in the order of their declaration; those that are 0 or empty are left out."""
    out = bytearray()
    for name, spec in specs(frame.__class__).items():
        value = getattr(frame, name)
        for item in value if spec.repeated else (value,):
            if item or spec.repeated:
                out += encode_varint(spec.number << 3 | spec.kind)
                out += _encode_value(spec, item)
    return bytes(out)


def _encode_value(spec: _Spec, value: Any) -> bytes:
    if spec.kind == _VARINT:
        return encode_varint(value)
    if spec.kind == _FIXED32:
        return int(value).to_bytes(4, "little")
    data = value.encode() if spec.text else bytes(value)
    if spec.size and len(data) != spec.size:
        raise ValueError(f"field {spec.number} has {len(data)} bytes instead of {spec.size}")
    if spec.limit and len(data) > spec.limit:
        data = data[: spec.limit].decode(errors="ignore").encode()
    return encode_varint(len(data)) + data


def decode(frame_class: type, data: bytes, position: int) -> dict[str, Any]:
    """Return the attributes that the fields in `data` from `position` on give a frame of `frame_class`.

    Unknown numbers are skipped. Raises FrameError for what does not parse, a field given twice that may stand once, a
    length out of bounds, or more than REPEATED_LIMIT values of a repeated field.
    """
    by_number = _by_number(frame_class)
    found: dict[str, Any] = {}
    while position < len(data):
        tag, position = _read_varint(data, position)
        name, spec = by_number.get(tag >> 3, _UNKNOWN)
        value, position = _read_value(data, position, tag & 7)
        if spec is None:
            continue
        if spec.kind != tag & 7:
            raise FrameError(f"field {spec.number} has the wrong kind")
        item = _checked(spec, value)
        if spec.repeated:
            found[name] = (*found.get(name, ()), item)
            if len(found[name]) > REPEATED_LIMIT:
                raise FrameError(f"field {spec.number} stands more than {REPEATED_LIMIT} times")
        elif name in found:
            raise FrameError(f"field {spec.number} stands twice")
        else:
            found[name] = item
    return found


def _checked(spec: _Spec, value: int | bytes) -> int | bytes | str:
    if isinstance(value, int):
        return value
    if spec.size and len(value) != spec.size:
        raise FrameError(f"field {spec.number} has {len(value)} bytes instead of {spec.size}")
    if spec.limit and len(value) > spec.limit:
        raise FrameError(f"field {spec.number} is longer than {spec.limit} bytes")
    try:
        return value.decode() if spec.text else value
    except UnicodeDecodeError:
        raise FrameError(f"field {spec.number} is not UTF-8") from None


def _read_value(data: bytes, position: int, kind: int) -> tuple[int | bytes, int]:
    if kind == _VARINT:
        return _read_varint(data, position)
    if kind == _LENGTH:
        size, position = _read_varint(data, position)
    elif kind == _FIXED32:
        size = 4
    else:
        raise FrameError(f"field of unknown kind {kind}")
    end = position + size
    if end > len(data):
        raise FrameError("a field is cut short")
    value = bytes(data[position:end])
    return (int.from_bytes(value, "little") if kind == _FIXED32 else value), end


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    try:
        return decode_varint(data, position)
    except CodecError as error:
        raise FrameError(f"bad number in a field: {error}") from None
