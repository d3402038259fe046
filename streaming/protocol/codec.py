"""The codec of one session: which libraries count in it, and payloads made and read with them."""

import zlib
from dataclasses import dataclass, field

from compression.codec import payload
from compression.codec.library import Library
from compression.codec.payload import CompressionMethod, Encoded


@dataclass(slots=True)
class SessionCodec:
    """Texts to payloads and back, with the libraries that the server issued and the client acknowledged.

    `limit` is the message limit in bytes. Only an index in `libraries` counts, whatever a peer claims.
    """

    limit: int
    plain: bool = False  # code everything raw, for clients that cannot decode
    libraries: dict[int, Library] = field(default_factory=dict)
    active: int = 0

    def use(self, index: int, library: Library) -> None:
        """Let `index` count from now on, and code with it."""
        self.libraries[index] = library
        self.active = index

    def encode(self, text: str) -> Encoded:
        """Return the smallest payload of `text`."""
        if self.plain:
            return encode_raw(text)
        return payload.encode(text, self.libraries.get(self.active), self.active)

    def decode(self, data: bytes) -> str:
        """Return the text of a payload. Raises CodecError."""
        return payload.decode(data, self.libraries, self.limit)


def encode_raw(text: str) -> Encoded:
    """Return the payload that any peer can decode."""
    return Encoded(bytes([CompressionMethod.RAW]) + text.encode(), CompressionMethod.RAW, None)


def text_check(text: str) -> int:
    """Return the CRC-32 of a text in UTF-8."""
    return zlib.crc32(text.encode())
