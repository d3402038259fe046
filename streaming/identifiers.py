"""Identifiers of streams and conversations: UUIDs whose beginning is the time.

The record finds its entries by stream and by conversation. Names made at random lie all over its indexes, so that every
entry of a busy moment changes pages of its own; of names that begin with the time those of the moment lie together.
"""

import secrets
import time
from typing import Final
from uuid import UUID

#: Random bytes of an identifier; six bits of them give way to version and variant.
RANDOM_SIZE: Final = 10


def new_identifier() -> UUID:
    """Return a new one: unique, not to be guessed, and behind those made before this millisecond."""
    return time_ordered(time.time_ns() // 1_000_000, secrets.token_bytes(RANDOM_SIZE))


def time_ordered(milliseconds: int, random: bytes) -> UUID:
    """Return the UUID of version 7 (RFC 9562, 5.7) for a time since the Unix epoch, below 2^48, and RANDOM_SIZE bytes."""
    number = milliseconds << 80 | int.from_bytes(random, "big")
    return UUID(int=number & ~(0xF << 76 | 0x3 << 62) | 0x7 << 76 | 0x2 << 62)
