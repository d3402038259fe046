"""The message codec of docs/reference/wire-format.md: raw, template, Brotli and model payloads."""

from compression.codec.delta import delta, patch
from compression.codec.errors import CodecError, CompressionError, LibraryError
from compression.codec.forms import DIGIT, Forms, form_of
from compression.codec.library import Library, default_library
from compression.codec.matcher import Match
from compression.codec.model import Model, Piece, Reader, Writer, default_dictionary, default_model, dictionary_of
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
    "DIGIT",
    "MAX_VARINT",
    "CodecError",
    "CompressionError",
    "CompressionMethod",
    "Encoded",
    "Forms",
    "Library",
    "LibraryError",
    "Match",
    "Model",
    "Piece",
    "Reader",
    "Template",
    "Writer",
    "decode",
    "decode_varint",
    "default_dictionary",
    "default_library",
    "default_model",
    "delta",
    "dictionary_of",
    "encode",
    "encode_template",
    "encode_varint",
    "form_of",
    "patch",
]
