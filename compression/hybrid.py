"""The codec for scripts: one object that compresses and decompresses with one library. Needs no database."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from compression.codec import (
    DEFAULT_LIMIT,
    CodecError,
    CompressionMethod,
    Encoded,
    Library,
    Model,
    decode,
    default_library,
    encode,
    encode_template,
)

# The one library of a compressor stands at this index, as the first one does in a session.
_INDEX: Final = 1


@dataclass(frozen=True, slots=True)
class HybridResult:
    """What became of one text: `original_size` and `compressed_size` are bytes."""

    data: bytes
    method: CompressionMethod
    template_id: int | None
    original_size: int
    compressed_size: int

    @property
    def ratio(self) -> float:
        """Bytes of text for each byte of payload: 8.0 means that one byte carries eight."""
        return self.original_size / self.compressed_size


class HybridCompressor:
    """Compresses each text by the smallest of raw, template, Brotli and model, each by itself.

    `library` supplies the templates, the default library if None; `model` codes what no template matches, if given. Both
    sides must hold the same ones. `limit` is the most bytes a text may have when it is decompressed.
    """

    def __init__(self, library: Library | None = None, limit: int = DEFAULT_LIMIT, model: Model | None = None) -> None:
        self.library: Final = library or default_library()
        self.limit: Final = limit
        self.model: Final = model

    def compress(
        self, text: str | None = None, *, template_id: int | None = None, slots: Sequence[str] | None = None
    ) -> tuple[bytes, CompressionMethod]:
        """Return the payload of `text`, or of a known template with its slot values, and its method.

        Raises TypeError unless exactly one of `text` and `template_id` is given and the values are texts, CodecError for a
        template that the library lacks, a lone surrogate, or a template and slots that make a text over the limit,
        ValueError for another number of slots than the template has.
        """
        encoded = self._encode(text, template_id, slots)
        return encoded.data, encoded.method

    def decompress(self, data: bytes | bytearray | memoryview) -> str:
        """Return the text of a payload. Raises CodecError, whatever the bytes."""
        # By way of a memoryview: bytes(5) are five bytes, and no payload.
        return decode(
            bytes(memoryview(data)), {_INDEX: self.library}, self.limit, {_INDEX: self.model} if self.model else None
        )

    def hybrid_compress(self, text: str) -> HybridResult:
        """Return the payload of `text` with its method, template and sizes. Raises CodecError for a lone surrogate."""
        encoded = encode(text, self.library, _INDEX, self.model)
        return HybridResult(encoded.data, encoded.method, encoded.template_id, len(text.encode()), len(encoded.data))

    def _encode(self, text: str | None, template_id: int | None, slots: Sequence[str] | None) -> Encoded:
        if text is not None and template_id is None and slots is None:
            return encode(text, self.library, _INDEX, self.model)
        if text is None and template_id is not None:
            encoded = encode_template(template_id, slots or (), self.library, _INDEX)
            self._check_size(template_id, slots or ())
            return encoded
        raise TypeError("Give either a text, or a template_id with its slots.")

    def _check_size(self, template_id: int, slots: Sequence[str]) -> None:
        """Raise CodecError for a text that `decompress` would refuse: a few slots make it larger than it looks."""
        template = self.library.template(template_id)
        if template is not None and template.fixed_bytes + sum(len(slot.encode()) for slot in slots) > self.limit:
            raise CodecError("too_large")
