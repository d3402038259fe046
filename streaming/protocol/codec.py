"""The codec of one session: which libraries count in it, and payloads made and read with them."""

import zlib
from dataclasses import dataclass, field, replace

from compression.codec import payload
from compression.codec.library import Library
from compression.codec.model import Model
from compression.codec.payload import CompressionMethod, Encoded


@dataclass(slots=True)
class SessionCodec:
    """Texts to payloads and back, with the libraries that the server issued and the client acknowledged.

    `limit` is the message limit in bytes. Only an index in `libraries` counts, for payloads of a model one in `models`,
    whatever a peer claims.
    """

    limit: int
    plain: bool = False  # code everything raw, for clients that cannot decode
    libraries: dict[int, Library] = field(default_factory=dict)
    models: dict[int, Model] = field(default_factory=dict)  # primed on both sides
    active: int = 0

    def use(self, index: int, library: Library) -> None:
        """Let `index` count from now on, and code with it."""
        self.libraries[index] = library
        self.active = index

    def encode(self, text: str, *, fine: bool = True) -> Encoded:
        """Return the smallest payload of `text`, or without `fine` nearly that, sooner."""
        if self.plain:
            return encode_raw(text)
        index = self.active  # read once: it may change while this runs in a thread
        return payload.encode(text, self.libraries.get(index), index, self.models.get(index), fine=fine)

    def as_now(self) -> "SessionCodec":
        """Return a codec that codes as this one does now, whatever library this one uses later."""
        return replace(self, libraries=dict(self.libraries), models=dict(self.models))

    def decode(self, data: bytes) -> str:
        """Return the text of a payload. Raises CodecError."""
        return payload.decode(data, self.libraries, self.limit, self.models)


def encode_raw(text: str) -> Encoded:
    """Return the payload that any peer can decode."""
    return Encoded(bytes([CompressionMethod.RAW]) + text.encode(), CompressionMethod.RAW, None)


def text_check(text: str) -> int:
    """Return the CRC-32 of a text in UTF-8."""
    return zlib.crc32(text.encode())
