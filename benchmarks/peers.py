"""Other coders of single messages, with what each needs to decode stripped of magic numbers, sizes and checks."""

import zlib
from collections.abc import Callable, Sequence

import brotli  # type: ignore[import-untyped]
import pyppmd
import zstandard

Coder = Callable[[bytes], bytes]
#: The tail of a sync flush that permessage-deflate leaves out (RFC 7692, section 7.2.1).
_TAIL = b"\0\0\xff\xff"
PRESET = 32_768
DICTIONARY_SIZES = (112 << 10, 512 << 10)


def deflate(content: bytes, level: int = 6, preset: bytes = b"") -> bytes:
    """Return `content` as a raw deflate stream."""
    coder = zlib.compressobj(level, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, preset)
    return coder.compress(content) + coder.flush()


class Connection:
    """permessage-deflate with context takeover: what one side of a WebSocket puts on the line."""

    def __init__(self) -> None:
        self._coder = zlib.compressobj(6, zlib.DEFLATED, -15)

    def send(self, content: bytes) -> int:
        """Return the bytes of the frame of a message, its header included (server to client: no mask)."""
        data = self._coder.compress(content) + self._coder.flush(zlib.Z_SYNC_FLUSH)
        size = len(data.removesuffix(_TAIL))
        return size + (2 if size < 126 else 4 if size < 65_536 else 10)


def zstd(level: int, dictionary: zstandard.ZstdCompressionDict | None = None) -> Coder:
    """Return zstd in its format without magic number, size, check and name of the dictionary."""
    base = zstandard.ZstdCompressionParameters.from_level(
        level,
        dict_size=len(dictionary.as_bytes()) if dictionary else 0,
        format=zstandard.FORMAT_ZSTD1_MAGICLESS,
        write_content_size=0,
        write_checksum=0,
        write_dict_id=0,
    )
    return zstandard.ZstdCompressor(compression_params=base, dict_data=dictionary).compress


def stateless(training: Sequence[bytes]) -> dict[str, Coder]:
    """Return the coders of single messages by name; those with a dictionary have it from `training`."""
    joined = b"\n".join(training)
    coders: dict[str, Coder] = {
        "zlib-6": deflate,
        "deflate preset 32K": lambda content: deflate(content, 9, joined[-PRESET:]),
        "brotli-5": lambda content: brotli.compress(content, quality=5, lgwin=16),
        "brotli-11": lambda content: brotli.compress(content, quality=11, lgwin=18),
        "ppmd-6": _ppmd,
    }
    for size in DICTIONARY_SIZES:
        try:
            trained = zstandard.train_dictionary(size, list(training))
        except zstandard.ZstdError:
            continue  # Too little text for a dictionary of that size.
        for level in (3, 19):
            coders[f"zstd-{level} trained {size >> 10}K"] = zstd(level, trained)
    raw = zstandard.ZstdCompressionDict(joined[-DICTIONARY_SIZES[-1] :], dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    coders["zstd-19 text 512K"] = zstd(19, raw)
    return coders


def _ppmd(content: bytes) -> bytes:
    coder = pyppmd.Ppmd7Encoder(6, 1 << 22)
    data: bytes = coder.encode(content) + coder.flush()
    return data
