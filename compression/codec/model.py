"""A primed model: short texts as very few bytes, and back (wire-format.md, section 7).

The coder is the WebAssembly module that the browser runs too (docs/explanation/codec.md). A model is primed once, with a
dictionary: the texts of typical messages, each ended by a NUL byte. Every text starts from the primed state.
"""

import ctypes
import hashlib
import json
import mmap
from collections.abc import Callable, Iterable
from enum import IntEnum
from functools import cache, cached_property
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

import wasmtime
from wasmtime import _ffi as ffi

from compression.codec.errors import CodecError, LibraryError

#: Bytes of text that one call may code, and bytes of a dictionary.
MAX_TEXT: Final = 65_536
MAX_DICTIONARY: Final = 4 << 20
_DEFAULT: Final = Path(__file__).with_name("default_dictionary.jsonl")
_MAX_CODE: Final = 2 * MAX_TEXT
_MODULE: Final = Path(__file__).parents[2] / "static" / "aura" / "codec" / "model.wasm"
#: What the module's functions return below 0 (coder.c).
_BAD_SIZE, _BAD_TEXT, _BAD_CODE, _TOO_LARGE = -1, -2, -3, -4


def dictionary_of(texts: Iterable[str]) -> bytes:
    """Return the dictionary of `texts`, the most typical last. A text with a NUL byte has no place in one."""
    return b"".join(text.encode() + b"\0" for text in texts if "\0" not in text)


def default_dictionary() -> bytes:
    """Return the general dictionary that ships with the product: common words, answers, markdown and code."""
    return dictionary_of(json.loads(line) for line in _DEFAULT.read_text(encoding="utf-8").splitlines())


@cache
def default_model() -> "Model":
    """Return the model primed with `default_dictionary`; the first call primes it."""
    return Model(default_dictionary())


class Piece(IntEnum):
    """How a piece of a text is coded: complete in itself, as far as it is settled, or as the last of those."""

    FLUSHED = 0
    SETTLED = 1
    LAST = 2


class Model:
    """A model primed with `dictionary`, 1 byte to 4 MB. Priming takes about two seconds a megabyte.

    May be used from several threads: as many calls run at once as there are `instances`, each primed by itself. Raises
    LibraryError for a dictionary that is empty or too large.
    """

    def __init__(self, dictionary: bytes, module: Path = _MODULE, *, instances: int = 1) -> None:
        if not 1 <= len(dictionary) <= MAX_DICTIONARY:
            raise LibraryError(f"A dictionary has 1 to {MAX_DICTIONARY} bytes, not {len(dictionary)}.")
        self.dictionary: Final = dictionary
        # Who takes an instance out is alone with it.
        self._free: Final[SimpleQueue[_Instance]] = SimpleQueue()
        for _ in range(instances):
            self._free.put(_Instance(module, dictionary))

    @cached_property
    def digest(self) -> bytes:
        """The SHA-256 of the dictionary, 32 bytes: the model's name in frames."""
        return hashlib.sha256(self.dictionary).digest()

    @cached_property
    def hash(self) -> str:
        """The same as 64 hexadecimal digits: the model's name in manifests, addresses and the database."""
        return self.digest.hex()

    def encode(self, content: bytes) -> bytes | None:
        """Return the code of a text in UTF-8, or None when the model cannot code it: too long, or with a NUL byte."""
        if len(content) > MAX_TEXT:
            return None
        instance = self._free.get()
        try:
            size = instance.encode(content)
            return None if size < 0 else instance.code(size)
        finally:
            self._free.put(instance)

    def decode(self, data: bytes, limit: int = MAX_TEXT) -> bytes:
        """Return the bytes whose code is `data`; at most `limit`.

        Raises CodecError `bad_model` for what no encoder with this model makes, `too_large` for more than `limit` bytes.
        """
        if len(data) > _MAX_CODE:
            raise CodecError("bad_model")
        instance = self._free.get()
        try:
            return instance.text(_checked(instance.decode(data, min(limit, MAX_TEXT))))
        finally:
            self._free.put(instance)

    def writer(self) -> "Writer":
        """Return what codes one text piece by piece."""
        return Writer(self._free)

    def reader(self) -> "Reader":
        """Return what decodes the pieces of one writer, in their order."""
        return Reader(self._free)

    def __repr__(self) -> str:
        return f"<Model {self.hash[:12]}, {len(self.dictionary)} bytes>"


class Writer:
    """Codes one text piece by piece. It holds about 90 KB; any number of writers and readers may go on in turn."""

    def __init__(self, free: "SimpleQueue[_Instance]") -> None:
        self._free = free
        self._state: bytes | None = None

    def put(self, content: bytes, how: Piece = Piece.FLUSHED) -> bytes:
        """Return the code of the next piece: all of it, or for SETTLED what can be sent of it by now.

        All pieces of a text are FLUSHED, or all but the last SETTLED. Raises CodecError `bad_model` for a piece that the
        model cannot code: with a NUL byte, over MAX_TEXT bytes, or empty and FLUSHED. The text cannot go on after that.
        """
        if len(content) > MAX_TEXT:
            raise CodecError("bad_model")
        instance = self._free.get()
        try:
            instance.resume(self._state)
            data = instance.code(_checked(instance.put(content, how)))
            self._state = instance.suspend()
            return data
        finally:
            self._free.put(instance)


class Reader:
    """Decodes the pieces of one text. It holds about 90 KB."""

    def __init__(self, free: "SimpleQueue[_Instance]") -> None:
        self._free = free
        self._state: bytes | None = None

    def get(self, data: bytes, how: Piece = Piece.FLUSHED, limit: int = MAX_TEXT) -> bytes:
        """Return the text of the next piece, in bytes: for SETTLED all that is certain by now, which may end in the
        middle of a character. Raises CodecError as `Model.decode` does; the text cannot go on after that.
        """
        if len(data) > _MAX_CODE:
            raise CodecError("bad_model")
        instance = self._free.get()
        try:
            instance.resume(self._state)
            content = instance.text(_checked(instance.get(data, how, min(limit, MAX_TEXT))))
            self._state = instance.suspend()
            return content
        finally:
            self._free.put(instance)


def _checked(size: int) -> int:
    if size < 0:
        raise CodecError("too_large" if size == _TOO_LARGE else "bad_model")
    return size


@cache
def _compiled(module: Path) -> tuple[wasmtime.Engine, wasmtime.Module]:
    engine = wasmtime.Engine()
    return engine, wasmtime.Module(engine, module.read_bytes())


def _in_huge_pages(start: int, size: int) -> None:
    """Ask the system to keep that memory in large pages, where it can (Linux: transparent huge pages).

    A token is looked up in dozens of places all over the model's tables. In pages of 4 KB nearly each of them must be
    looked up in the system's tables, too, which takes a fifth of the time of a message.
    """
    if hasattr(mmap, "MADV_HUGEPAGE"):
        ctypes.CDLL(None).madvise(
            ctypes.c_void_p(start), ctypes.c_size_t(size // mmap.PAGESIZE * mmap.PAGESIZE), mmap.MADV_HUGEPAGE
        )


class _Instance:
    """The module with a memory of its own.

    Calls go through wasmtime's C functions with arguments prepared once: `wasmtime.Func` looks up types in each call,
    which takes 20 us, a tenth of what it takes to code a message.
    """

    def __init__(self, module: Path, dictionary: bytes) -> None:
        engine, compiled = _compiled(module)
        self._store = wasmtime.Store(engine)
        self._exports = wasmtime.Instance(self._store, compiled, []).exports(self._store)
        place = self._function("reserve")(len(dictionary))
        if not place:
            raise LibraryError("There is no memory for a dictionary of that size.")
        # The memory moves when it grows, which it does in `reserve` alone.
        memory = self._exports["memory"]
        assert isinstance(memory, wasmtime.Memory)
        start = ctypes.addressof(memory.data_ptr(self._store).contents)
        _in_huge_pages(start, memory.data_len(self._store))
        ctypes.memmove(start + place, dictionary, len(dictionary))
        self._function("prime")(len(dictionary))
        self._text, self._code, self._state = (start + self._function(name)() for name in ("text", "code", "state"))
        self._state_size = self._function("state_size")()
        self._encode, self._decode, self._open, self._put, self._get = map(
            self._function, ("encode", "decode", "open", "put", "get")
        )

    def _function(self, name: str) -> Callable[..., int]:
        function = self._exports[name]
        assert isinstance(function, wasmtime.Func)
        kind = function.type(self._store)
        count, results = len(kind.params), len(kind.results)
        arguments: Any = (ffi.wasmtime_val_t * max(count, 1))()
        for argument in arguments:
            argument.kind = ffi.WASMTIME_I32
        result: Any = (ffi.wasmtime_val_t * 1)()
        trap = ctypes.POINTER(ffi.wasm_trap_t)()
        context, pointer, trap_pointer = self._store._context(), ctypes.byref(function._func), ctypes.byref(trap)
        call: Any = ffi.wasmtime_func_call

        def run(*values: int) -> int:
            for argument, value in zip(arguments, values, strict=False):
                argument.of.i32 = value
            if call(context, pointer, arguments, count, result, results, trap_pointer) or trap:
                raise CodecError("bad_model")
            return int(result[0].of.i32)

        return run

    def encode(self, content: bytes) -> int:
        ctypes.memmove(self._text, content, len(content))
        return self._encode(len(content))

    def decode(self, data: bytes, limit: int) -> int:
        ctypes.memmove(self._code, data, len(data))
        return self._decode(len(data), limit)

    def put(self, content: bytes, how: int) -> int:
        ctypes.memmove(self._text, content, len(content))
        return self._put(len(content), how)

    def get(self, data: bytes, how: int, limit: int) -> int:
        ctypes.memmove(self._code, data, len(data))
        return self._get(len(data), how, limit)

    def text(self, size: int) -> bytes:
        return ctypes.string_at(self._text, size)

    def code(self, size: int) -> bytes:
        return ctypes.string_at(self._code, size)

    def resume(self, state: bytes | None) -> None:
        if state is None:
            self._open()
        else:
            ctypes.memmove(self._state, state, self._state_size)

    def suspend(self) -> bytes:
        return ctypes.string_at(self._state, self._state_size)
