"""Coding that never holds up the event loop: short texts at once, long ones in a thread."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

from compression.codec.payload import Encoded
from streaming.flow.bucket import TokenBucket
from streaming.load import load
from streaming.protocol.codec import SessionCodec

# Characters, or bytes of a payload times four: what the codec does in about a millisecond.
INLINE_LIMIT = 4_096
# With a model: it takes about a microsecond a byte, and a byte of its code may stand for this many of text.
MODEL_INLINE_LIMIT = 1_024
DENSITY = 16
# Below this many bytes there is no finer coding without a model, and to look at the clock takes as long as to code.
FINE_FROM = 64
# The finest coding takes half a millisecond for a sentence and saves a tenth of its bytes. It may have this share of the
# time, and as many seconds at once; in a process that is busier than that texts are coded the faster way. The time that
# passes counts, not the processor's: of a machine that is busy with something else this process has only a part.
FINE_SHARE = 0.1
FINE_BURST = 0.1
# Seconds that the event loop may be late for there to be time at all: where it is later everybody waits for that tenth.
FINE_UNTIL = 0.003

# One thread for all long texts: a model has two instances, and the event loop must always find one free.
_long = ThreadPoolExecutor(1, "coding")
_fine = TokenBucket(FINE_SHARE, FINE_BURST, time.monotonic())


async def encode(codec: SessionCodec, text: str) -> Encoded:
    """Return the smallest payload of `text`; in a busy process nearly the smallest."""
    encoded = encode_short(codec, text)
    if encoded is None:
        return await asyncio.get_running_loop().run_in_executor(_long, codec.as_now().encode, text)
    return encoded


def encode_short(codec: SessionCodec, text: str) -> Encoded | None:
    """Return what `encode` does, at once; None for a text that is too long for that."""
    if len(text) > (MODEL_INLINE_LIMIT if codec.models else INLINE_LIMIT):
        return None
    if not codec.models and len(text) < FINE_FROM and len(text.encode()) < FINE_FROM:
        return codec.encode(text, fine=False)
    began = time.monotonic()
    if load.congestion.lag > FINE_UNTIL or _fine.owe(0.0, began):
        return codec.encode(text, fine=False)
    encoded = codec.encode(text)
    now = time.monotonic()
    _fine.owe(now - began, now)
    return encoded


async def decode(codec: SessionCodec, data: bytes) -> str:
    """Return the text of a payload. Raises CodecError."""
    if len(data) * (DENSITY if codec.models else 4) <= INLINE_LIMIT:
        return codec.decode(data)
    return await asyncio.get_running_loop().run_in_executor(_long, codec.as_now().decode, data)
