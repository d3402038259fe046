"""What went over the wire: exact counts of payloads, texts and frames."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from compression.codec.payload import CompressionMethod

# To ask an enumeration for a name takes longer than all else here.
NAMES = {method: method.name.lower() for method in CompressionMethod}


@dataclass(slots=True)
class Tally:
    """Counts of one direction. Bytes of text are UTF-8; bytes of frames include the payloads in them."""

    payloads: int = 0
    text_bytes: int = 0
    wire_bytes: int = 0
    frames: int = 0
    frame_bytes: int = 0
    methods: Counter[str] = field(default_factory=Counter)

    def add(self, method: CompressionMethod, text_bytes: int, wire_bytes: int) -> None:
        """Count one payload."""
        self.payloads += 1
        self.text_bytes += text_bytes
        self.wire_bytes += wire_bytes
        self.methods[NAMES[method]] += 1

    def merge(self, other: "Tally") -> None:
        """Add the counts of another tally."""
        self.payloads += other.payloads
        self.text_bytes += other.text_bytes
        self.wire_bytes += other.wire_bytes
        self.frames += other.frames
        self.frame_bytes += other.frame_bytes
        self.methods.update(other.methods)

    def summary(self) -> dict[str, Any]:
        """Return what the record and the statistics show."""
        return {
            "text_bytes": self.text_bytes,
            "wire_bytes": self.wire_bytes,
            "methods": dict(self.methods),
        }
