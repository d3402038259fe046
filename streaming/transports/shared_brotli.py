"""Brotli with a dictionary of one's own (RFC 9841), which the `brotli` package contains but has no Python function for.

Its extension module is a shared library that shows the functions of Brotli's C interface (`brotli/encode.h`), so they are
called there. A build that hides them has no `dcb`: `library()` is None.
"""

import ctypes
from functools import cache
from typing import Any, cast

import _brotli  # type: ignore[import-not-found]

_POINTER, _SIZE = ctypes.c_void_p, ctypes.c_size_t
_MODE_RAW = 0
_PARAMETER_QUALITY, _PARAMETER_WINDOW = 1, 2
_FLUSH, _FINISH = 1, 2
_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "BrotliEncoderPrepareDictionary": (
        _POINTER,
        [ctypes.c_int, _SIZE, ctypes.c_char_p, ctypes.c_int, _POINTER, _POINTER, _POINTER],
    ),
    "BrotliEncoderDestroyPreparedDictionary": (None, [_POINTER]),
    "BrotliEncoderCreateInstance": (_POINTER, [_POINTER, _POINTER, _POINTER]),
    "BrotliEncoderDestroyInstance": (None, [_POINTER]),
    "BrotliEncoderSetParameter": (ctypes.c_int, [_POINTER, ctypes.c_int, ctypes.c_uint32]),
    "BrotliEncoderAttachPreparedDictionary": (ctypes.c_int, [_POINTER, _POINTER]),
    "BrotliEncoderCompressStream": (
        ctypes.c_int,
        [_POINTER, ctypes.c_int, _POINTER, _POINTER, _POINTER, _POINTER, _POINTER],
    ),
    "BrotliEncoderTakeOutput": (_POINTER, [_POINTER, _POINTER]),
}


class BrotliError(Exception):
    """Brotli ran out of memory, which is all that can go wrong."""


@cache
def library() -> Any | None:
    """Return Brotli's C interface, None when this build does not show it."""
    try:
        found = ctypes.CDLL(_brotli.__file__)
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(found, name)
            function.restype, function.argtypes = result, arguments
    except (AttributeError, OSError):
        return None
    return found


class Prepared:
    """A dictionary as encoders take it; may be used by any number of them, in any threads."""

    def __init__(self, content: bytes, quality: int) -> None:
        """Prepare it for encoders of that quality, 5 to 9. Raises BrotliError, also when `library()` is None."""
        self._library = library()
        # Brotli reads from this memory as long as the dictionary is used.
        self._content = content
        self.address: int | None = None
        if self._library is not None:
            self.address = self._library.BrotliEncoderPrepareDictionary(
                _MODE_RAW, len(content), content, quality, None, None, None
            )
        if not self.address:
            raise BrotliError("no dictionary could be prepared")

    def __del__(self) -> None:
        if self.address and self._library is not None:
            self._library.BrotliEncoderDestroyPreparedDictionary(self.address)


class Encoder:
    """One stream; not for two threads at once."""

    def __init__(self, dictionary: Prepared, quality: int, window: int) -> None:
        """`window` is the power of two that the window has in bytes, 10 to 24. Raises BrotliError."""
        self._library = cast(Any, library())
        self._dictionary = dictionary
        self._address = self._library.BrotliEncoderCreateInstance(None, None, None)
        if not self._address:
            raise BrotliError("no encoder could be made")
        self._library.BrotliEncoderSetParameter(self._address, _PARAMETER_QUALITY, quality)
        self._library.BrotliEncoderSetParameter(self._address, _PARAMETER_WINDOW, window)
        if not self._library.BrotliEncoderAttachPreparedDictionary(self._address, dictionary.address):
            raise BrotliError("the dictionary could not be attached")

    def flush(self, data: bytes) -> bytes:
        """Return bytes from which all of `data` can be decoded. Raises BrotliError."""
        return self._run(data, _FLUSH)

    def finish(self) -> bytes:
        """Return the end of the stream. Raises BrotliError."""
        return self._run(b"", _FINISH)

    def _run(self, data: bytes, operation: int) -> bytes:
        left, room, size = _SIZE(len(data)), _SIZE(0), _SIZE(0)
        source = ctypes.c_char_p(data)
        made: list[bytes] = []
        while True:
            done = self._library.BrotliEncoderCompressStream(
                self._address, operation, ctypes.byref(left), ctypes.byref(source), ctypes.byref(room), None, None
            )
            if not done:
                raise BrotliError("Brotli failed")
            size.value = 0
            address = self._library.BrotliEncoderTakeOutput(self._address, ctypes.byref(size))
            if size.value:
                made.append(ctypes.string_at(address, size.value))
            elif not left.value:
                return b"".join(made)

    def __del__(self) -> None:
        if getattr(self, "_address", None):
            self._library.BrotliEncoderDestroyInstance(self._address)
