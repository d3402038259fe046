"""Decoders of content codings, which read what has come so far: none of them is what made the bytes."""

import ctypes
import zlib
from collections.abc import Callable

import brotli
import zstandard

from streaming.transports import shared_brotli
from streaming.transports.content_coding import DCB_MAGIC, DCZ_MAGIC, Dictionary

Decode = Callable[[bytes], bytes]


def decoder(coding: str, dictionary: Dictionary | None = None) -> Decode:
    """Return a function that takes the next bytes and returns what can be read of them."""
    if coding == "gzip":
        return zlib.decompressobj(31).decompress
    if coding == "br":
        return brotli.Decompressor().process
    if coding == "zstd":
        return _frames(zstandard.ZstdDecompressor())
    if coding == "dcz":
        assert dictionary is not None
        plain = zstandard.ZstdCompressionDict(dictionary.content, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
        return _behind(DCZ_MAGIC + dictionary.digest, _frames(zstandard.ZstdDecompressor(dict_data=plain)))
    if coding == "dcb":
        assert dictionary is not None
        return _behind(DCB_MAGIC + dictionary.digest, _shared_brotli(dictionary.content))
    return bytes


def _frames(source: zstandard.ZstdDecompressor) -> Decode:
    """Frame after frame, as a stream of Zstandard is."""
    now = source.decompressobj()

    def read(data: bytes) -> bytes:
        nonlocal now
        out = b""
        while data:
            if now.eof:
                now = source.decompressobj()
            out += now.decompress(data)
            data = now.unused_data if now.eof else b""
        return out

    return read


def _behind(head: bytes, rest: Decode) -> Decode:
    waiting = head

    def read(data: bytes) -> bytes:
        nonlocal waiting
        size = min(len(waiting), len(data))
        assert data[:size] == waiting[:size]
        waiting = waiting[size:]
        return rest(data[size:])

    return read


def _shared_brotli(content: bytes) -> Decode:
    library = shared_brotli.library()
    assert library is not None
    pointer = ctypes.c_void_p
    library.BrotliDecoderCreateInstance.restype = pointer
    library.BrotliDecoderCreateInstance.argtypes = [pointer] * 3
    library.BrotliDecoderAttachDictionary.argtypes = [pointer, ctypes.c_int, ctypes.c_size_t, ctypes.c_char_p]
    library.BrotliDecoderDecompressStream.argtypes = [pointer] * 6
    library.BrotliDecoderTakeOutput.restype = pointer
    library.BrotliDecoderTakeOutput.argtypes = [pointer] * 2
    state = library.BrotliDecoderCreateInstance(None, None, None)
    # Brotli reads from `content` as long as it decodes, and `read` holds it.
    assert library.BrotliDecoderAttachDictionary(state, 0, len(content), content)

    def read(data: bytes) -> bytes:
        left, source, room = ctypes.c_size_t(len(data)), ctypes.c_char_p(data), ctypes.c_size_t(0)
        assert content
        out = b""
        while True:
            result = library.BrotliDecoderDecompressStream(
                state, ctypes.byref(left), ctypes.byref(source), ctypes.byref(room), None, None
            )
            assert result != 0, "damaged"
            size = ctypes.c_size_t(0)
            address = library.BrotliDecoderTakeOutput(state, ctypes.byref(size))
            out += ctypes.string_at(address, size.value) if size.value else b""
            if result != 3 and not left.value:
                return out

    return read
