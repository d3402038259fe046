"""Chunks of bytes as vectors: which bytes a chunk has, which pairs, how long and how varied it is."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from streaming.datasets.random import Floats

LOW, HIGH, PAIRS = 32, 8, 32
# What a vector holds: low five bits (letters apart, whatever their case), high three (kind of byte), hashed pairs, then
# the length against the full chunk and the entropy against eight bits.
COUNT = LOW + HIGH + PAIRS + 2
# Bytes of short rows counted in one call: what stays in a core's cache when numpy widens bytes to whole numbers. Rows from
# LONG bytes up are counted one by one, which costs a call more each but no further pass.
BLOCK = 32_768
LONG = 1_024


def features(data: bytes, full: int) -> Floats:
    """Return COUNT numbers in [0, 1] for each chunk of `full` bytes, one row a chunk; the last chunk may be shorter.

    Frequencies are given as square roots (the Hellinger transform), which keeps rare bytes visible.
    """
    seen: NDArray[np.uint8] = np.frombuffer(data, np.uint8)
    whole = seen.size // full
    rows = [_rows(seen[: whole * full].reshape(whole, full), full)]
    if seen.size % full:
        rows.append(_rows(seen[whole * full :].reshape(1, -1), full))
    return np.concatenate(rows)


def _rows(chunks: NDArray[np.uint8], full: int) -> Floats:
    number, size = chunks.shape
    out = np.empty((number, COUNT))
    counts = _histograms(chunks, 256)
    square = counts.reshape(number, HIGH, LOW)
    np.divide(square.sum(axis=1), size, out=out[:, :LOW])
    np.divide(square.sum(axis=2), size, out=out[:, LOW : LOW + HIGH])
    # Every second pair: 37 first + second, whose low bits a little-endian word holds when it is multiplied as a whole. 37 is
    # odd, so that no two pairs with the same first byte meet before PAIRS values.
    half = size // 2
    words = np.ascontiguousarray(chunks[:, : 2 * half]).view("<u2")
    pairs = (words * np.uint16(37) + (words >> np.uint16(8))) & np.uint16(PAIRS - 1)
    np.divide(_histograms(pairs, PAIRS), max(1, half), out=out[:, LOW + HIGH : -2])
    np.sqrt(out[:, :-2], out=out[:, :-2])
    out[:, -2] = size / full
    # The sum of -p log p with p = count / size.
    bits = np.log2(size) - np.add.reduce(_count_log(size)[counts], axis=1) / size
    out[:, -1] = np.clip(bits / 8.0, 0.0, 1.0)
    return out


def _histograms(chunks: NDArray[np.unsignedinteger], values: int) -> NDArray[np.intp]:
    """Return how often each value below `values` occurs in each row."""
    number, size = chunks.shape
    out = np.empty((number, values), np.intp)
    if size >= LONG:
        for row, counts in zip(chunks, out, strict=True):
            counts[:] = np.bincount(row, minlength=values)
        return out
    step = max(1, BLOCK // max(1, size))
    shifts = np.arange(step)[:, None] * values
    for first in range(0, number, step):
        block = chunks[first : first + step]
        joint = np.bincount((block + shifts[: len(block)]).ravel(), minlength=len(block) * values)
        out[first : first + step] = joint.reshape(len(block), values)
    return out


@lru_cache(maxsize=8)
def _count_log(size: int) -> Floats:
    """Return n log2 n for n up to `size`."""
    numbers = np.arange(size + 1, dtype=np.float64)
    numbers[1:] *= np.log2(numbers[1:])
    return numbers
