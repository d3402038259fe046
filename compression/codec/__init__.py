"""The message codec: raw, template and Brotli payloads (docs/reference/wire-format.md). Pure bytes and text."""

from compression.codec.errors import CodecError, CompressionError, LibraryError
from compression.codec.library import Library, default_library
from compression.codec.matcher import Match
from compression.codec.payload import (
    DEFAULT_LIMIT,
    CompressionMethod,
    Encoded,
    decode,
    encode,
    encode_template,
)
from compression.codec.template import Template
from compression.codec.varint import MAX_VARINT, decode_varint, encode_varint

__all__ = [
    "DEFAULT_LIMIT",
    "MAX_VARINT",
    "CodecError",
    "CompressionError",
    "CompressionMethod",
    "Encoded",
    "Library",
    "LibraryError",
    "Match",
    "Template",
    "decode",
    "decode_varint",
    "default_library",
    "encode",
    "encode_template",
    "encode_varint",
]
