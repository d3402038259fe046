"""Random numbers that are the same everywhere: numpy promises the raw output of a bit generator, not what is made of it."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.intp]


class Random:
    """Numbers from a seed and a path of whole numbers; different paths are independent streams.

    The raw output of PCG64 and of SeedSequence is stable between versions of numpy (NEP 19).
    """

    def __init__(self, seed: int, *path: int) -> None:
        self._source = np.random.PCG64(np.random.SeedSequence((seed, *path)))

    def uniform(self, *shape: int) -> Floats:
        """Return numbers in [0, 1), evenly spread, with 53 bits each."""
        raw = np.asarray(self._source.random_raw(int(np.prod(shape))), np.uint64)
        return (raw >> np.uint64(11)).astype(np.float64).reshape(shape) * 2.0**-53

    def signed(self, *shape: int) -> Floats:
        """Return numbers in [-1, 1)."""
        return 2.0 * self.uniform(*shape) - 1.0

    def permutation(self, count: int) -> Indices:
        """Return the numbers below `count` in random order."""
        return np.argsort(np.asarray(self._source.random_raw(count), np.uint64), kind="stable")

    def choices(self, count: int, rows: int, of: int) -> Indices:
        """Return `rows` rows of `count` different numbers below `of`, in ascending order."""
        order = np.argsort(self.uniform(rows, of), axis=1, kind="stable")
        return np.sort(order[:, :count], axis=1)
