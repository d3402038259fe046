"""Coding that never holds up the event loop: short texts at once, long ones in a thread."""

import asyncio

from compression.codec.payload import Encoded
from streaming.protocol.codec import SessionCodec

# Characters, or bytes of a payload times four: what the codec does in about a millisecond.
INLINE_LIMIT = 4_096


async def encode(codec: SessionCodec, text: str) -> Encoded:
    """Return the smallest payload of `text`."""
    if len(text) <= INLINE_LIMIT:
        return codec.encode(text)
    return await asyncio.to_thread(codec.encode, text)


async def decode(codec: SessionCodec, data: bytes) -> str:
    """Return the text of a payload. Raises CodecError."""
    if len(data) * 4 <= INLINE_LIMIT:
        return codec.decode(data)
    return await asyncio.to_thread(codec.decode, data)
