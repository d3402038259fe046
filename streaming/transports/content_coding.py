"""Content codings of streamed answers: coders whose every piece can be read at once.

Pure: bytes in, bytes out. Which coding a client asks for: `compression.negotiation`. RFC 9842 has the dictionaries: `dcb` is
Brotli and `dcz` Zstandard, primed with a text that the client holds already. The shell is `streaming.coded`.
"""

import base64
import binascii
import re
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Protocol

import brotli  # type: ignore[import-untyped]
import zstandard

from streaming.transports import shared_brotli

# Of the codings that a client likes equally the first is taken. For events of some words each, flushed one by one, gzip is
# smaller than Zstandard and Brotli (62 events of a word: 24, 27, 29 %), for long ones the other way round.
EVENTS = ("dcz", "dcb", "gzip", "zstd", "br")
BULK = ("dcz", "zstd", "dcb", "br", "gzip")
# Codings that can forget what came before; see `isolated`. Brotli cannot.
ISOLATED = ("gzip", "zstd")

GZIP_LEVEL = 4
# A window of 64 KB holds an answer; 128 KB let events of datasets refer to the one before. Memory of a stream: gzip 90 KB,
# Brotli 80 KB, Zstandard 25 KB and up to 250 KB with a dictionary.
BROTLI_QUALITY, BROTLI_WINDOW = 5, 16
ZSTD_LEVEL, ZSTD_WINDOW = 1, 17
DCZ_LEVEL = 3
# A head of gzip without name and time (RFC 1952, 2.3), and an empty last block of deflate (RFC 1951, 3.2.6).
GZIP_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
DEFLATE_END = b"\x03\x00"
# RFC 9842, 4 and 5: what stands before the stream, followed by the SHA-256 of the dictionary.
DCB_MAGIC = b"\xffDCB"
DCZ_MAGIC = b"\x5e\x2a\x4d\x18\x20\x00\x00\x00"

# A byte sequence of 32 bytes, alone or with parameters (RFC 9651, 3.3.5).
_AVAILABLE = re.compile(r"\s*:([A-Za-z0-9+/]{43}=):\s*(?:;.*)?", re.ASCII)
_STRING = re.compile(r'\s*"([\x20-\x21\x23-\x5b\x5d-\x7e]*)"\s*(?:;.*)?', re.ASCII)


class Coder(Protocol):
    """Codes a stream piece by piece."""

    def code(self, data: bytes) -> bytes:
        """Return bytes from which all of `data` can be decoded."""

    def end(self) -> bytes:
        """Return the end of the stream."""


@dataclass(frozen=True, eq=False)
class Dictionary:
    """A text that coders are primed with. What they make of it is prepared once, and shared by all streams."""

    content: bytes

    @cached_property
    def digest(self) -> bytes:
        """Return its SHA-256, by which both sides name it."""
        return sha256(self.content).digest()

    @property
    def identifier(self) -> str:
        """Return what `Dictionary-ID` calls it; `compression.views` says so in `Use-As-Dictionary`."""
        return self.digest.hex()[:16]

    @cached_property
    def zstd(self) -> zstandard.ZstdCompressionDict:
        """Return it prepared for `dcz`: raw content, whatever it begins with (RFC 9842, 5)."""
        made = zstandard.ZstdCompressionDict(self.content, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
        made.precompute_compress(level=DCZ_LEVEL)
        return made

    @cached_property
    def brotli(self) -> shared_brotli.Prepared:
        """Return it prepared for `dcb`."""
        return shared_brotli.Prepared(self.content, BROTLI_QUALITY)

    def prepare(self) -> None:
        """Make the prepared forms now."""
        _ = self.zstd
        if "dcb" in supported():
            _ = self.brotli


def supported() -> tuple[str, ...]:
    """Return the codings that can be made here: `dcb` needs functions that not every build of Brotli shows."""
    return BULK if shared_brotli.library() is not None else tuple(name for name in BULK if name != "dcb")


# -- what is asked for -------------------------------------------------------------------------------------------------


def available(header: str) -> bytes | None:
    """Return the SHA-256 that `Available-Dictionary` names (RFC 9842, 2.2), None for anything else."""
    found = _AVAILABLE.fullmatch(header)
    if found is None:
        return None
    try:
        return base64.b64decode(found[1], validate=True)
    except binascii.Error:
        return None


def agrees(dictionary_id: str, dictionary: Dictionary) -> bool:
    """Return whether a `Dictionary-ID`, if there is one, is that of the dictionary (RFC 9842, 2.3)."""
    if not dictionary_id:
        return True
    found = _STRING.fullmatch(dictionary_id)
    return found is not None and found[1] == dictionary.identifier


def unexposed(*, by_key: bool, fetch_site: str, own_origin: bool | None) -> bool:
    """Return whether an answer may be coded: whether no other site's page can have asked for it in the user's name.

    Who makes a browser ask, with words of his own choice, and sees how long the coded answers are, guesses secrets in them
    letter by letter (BREACH, 2013). `by_key`: the request brings an API key, which no other page has. `fetch_site` is
    `Sec-Fetch-Site`, which every browser of today sends and no page can change; `own_origin` whether `Origin` is ours,
    None without one. A request that says nothing of all this, but has a cookie, is not coded.
    """
    if by_key:
        return True
    if own_origin is False:
        return False
    return fetch_site == "same-origin" if fetch_site else own_origin is True


# -- the coders --------------------------------------------------------------------------------------------------------


class Identity:
    """No coding."""

    def code(self, data: bytes) -> bytes:
        """Return the same."""
        return data

    def end(self) -> bytes:
        """Return nothing."""
        return b""


class _Gzip:
    def __init__(self) -> None:
        self._coder = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, 31)

    def code(self, data: bytes) -> bytes:
        return self._coder.compress(data) + self._coder.flush(zlib.Z_SYNC_FLUSH)

    def end(self) -> bytes:
        return self._coder.flush()


class _Brotli:
    def __init__(self) -> None:
        self._coder = brotli.Compressor(quality=BROTLI_QUALITY, lgwin=BROTLI_WINDOW)

    def code(self, data: bytes) -> bytes:
        return bytes(self._coder.process(data) + self._coder.flush())

    def end(self) -> bytes:
        return bytes(self._coder.finish())


class _Zstd:
    """One frame of Zstandard (RFC 8878), a block or more a piece; behind `head`."""

    def __init__(self, coder: zstandard.ZstdCompressor, head: bytes = b"") -> None:
        self._coder = coder.compressobj()
        self._head = head

    def code(self, data: bytes) -> bytes:
        made = self._head + self._coder.compress(data) + self._coder.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
        self._head = b""
        return made

    def end(self) -> bytes:
        return self._head + self._coder.flush()


class _LoneGzip:
    """One member of gzip, its blocks made by a compressor a piece, which know nothing of each other."""

    def __init__(self) -> None:
        self._head = GZIP_HEAD
        self._check = self._size = 0

    def code(self, data: bytes) -> bytes:
        self._check = zlib.crc32(data, self._check)
        self._size += len(data)
        coder = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, -15)
        made, self._head = self._head + coder.compress(data) + coder.flush(zlib.Z_SYNC_FLUSH), b""
        return made

    def end(self) -> bytes:
        return self._head + DEFLATE_END + struct.pack("<II", self._check, self._size & 0xFFFFFFFF)


class _LoneZstd:
    """A frame of Zstandard a piece: a stream of frames is a stream (RFC 8878, 3)."""

    def __init__(self) -> None:
        self._begun = False

    def code(self, data: bytes) -> bytes:
        self._begun = True
        return zstandard.ZstdCompressor(compression_params=_parameters()).compress(data)

    def end(self) -> bytes:
        # A stream of no frames is none.
        return b"" if self._begun else self.code(b"")


class _SharedBrotli:
    def __init__(self, dictionary: Dictionary) -> None:
        self._coder = shared_brotli.Encoder(dictionary.brotli, BROTLI_QUALITY, BROTLI_WINDOW)
        self._head = DCB_MAGIC + dictionary.digest

    def code(self, data: bytes) -> bytes:
        made, self._head = self._head + self._coder.flush(data), b""
        return made

    def end(self) -> bytes:
        return self._head + self._coder.finish()


def _parameters() -> zstandard.ZstdCompressionParameters:
    return zstandard.ZstdCompressionParameters.from_level(ZSTD_LEVEL, window_log=ZSTD_WINDOW, write_checksum=False)


def _plain_zstd() -> Coder:
    return _Zstd(zstandard.ZstdCompressor(compression_params=_parameters()))


def _primed_zstd(dictionary: Dictionary) -> Coder:
    coder = zstandard.ZstdCompressor(level=DCZ_LEVEL, dict_data=dictionary.zstd, write_checksum=False)
    return _Zstd(coder, DCZ_MAGIC + dictionary.digest)


_PLAIN: Mapping[str, Callable[[], Coder]] = {"": Identity, "gzip": _Gzip, "br": _Brotli, "zstd": _plain_zstd}
_LONE: Mapping[str, Callable[[], Coder]] = {"": Identity, "gzip": _LoneGzip, "zstd": _LoneZstd}
_PRIMED: Mapping[str, Callable[[Dictionary], Coder]] = {"dcz": _primed_zstd, "dcb": _SharedBrotli}


def coder(coding: str, dictionary: Dictionary | None = None) -> Coder:
    """Return a coder for what `negotiated` gave; `dcz` and `dcb` need the dictionary. Raises ValueError without it."""
    if coding not in _PRIMED:
        return _PLAIN[coding]()
    if dictionary is None:
        raise ValueError(f"{coding} needs a dictionary")
    return _PRIMED[coding](dictionary)


def isolated(coding: str) -> Coder:
    """Return a coder that codes each piece as if it were alone; `coding` is one of ISOLATED, or empty.

    For streams that carry several people's words: coded together, the length of the one's words would tell what the other
    has written before. Between two pieces it takes no memory.
    """
    return _LONE[coding]()
