"""How much of a conversation a model is told."""

from collections.abc import Mapping, Sequence
from typing import Any


def newest(messages: Sequence[Mapping[str, Any]], limit: int) -> list[Mapping[str, Any]]:
    """Return the newest messages of at most `limit` characters in all, oldest first, beginning with the user's.

    What is left out grows in steps of half of `limit`: for a model that keeps what it has read (a cache of prefixes) most
    questions of a long conversation begin as the one before did, and it reads only what is new.
    """
    step = limit // 2
    sizes = [_size(message.get("content")) for message in messages]
    over = sum(sizes) - limit
    left_out = -(-over // step) * step if over > 0 else 0
    kept: list[Mapping[str, Any]] = []
    before = 0
    for message, size in zip(messages, sizes, strict=True):
        if size and before >= left_out and (kept or message.get("role") == "user"):
            kept.append(message)
        before += size
    return kept


def _size(content: Any) -> int:
    if isinstance(content, list):  # parts, of which those of text count
        return sum(_size(part.get("text")) for part in content if isinstance(part, Mapping))
    return len(content) if isinstance(content, str) else 0
