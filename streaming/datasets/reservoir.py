"""Reservoirs: sparse recurrent weights whose spectral radius is set (Jaeger 2001; Lukoševičius 2012, "A practical guide to
applying echo state networks")."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from streaming.datasets.random import Floats, Indices, Random

# Units that each unit listens to. A constant number keeps a step linear in the size (Lukoševičius 2012, 3.2.2).
FAN_IN = 8


@dataclass(frozen=True)
class Sparse:
    """A sparse matrix with the same number of entries in each row.

    `index` and `weight` have the shape (entries, rows): entry k of row i is `weight[k, i]` in column `index[k, i]`. Products
    are sums in a fixed order, so that they are the same to the bit however many vectors are multiplied at once, which
    matrix products of BLAS are not.
    """

    index: Indices
    weight: Floats
    columns: int

    @property
    def rows(self) -> int:
        return int(self.index.shape[1])

    def times(self, vectors: Floats) -> Floats:
        """Return the product with each row of a matrix."""
        out: Floats = self.weight[0] * vectors[:, self.index[0]]
        for index, weight in zip(self.index[1:], self.weight[1:], strict=True):
            out += weight * vectors[:, index]
        return out

    def dense(self) -> Floats:
        """Return the matrix with its zeros."""
        full = np.zeros((self.rows, self.columns))
        np.add.at(full, (np.arange(self.rows), self.index), self.weight)
        return full


def sparse(random: Random, rows: int, columns: int, entries: int) -> Sparse:
    """Return a random matrix with `entries` different columns a row and weights in [-1, 1)."""
    index = np.ascontiguousarray(random.choices(min(entries, columns), rows, columns).T)
    return Sparse(index, random.signed(*index.shape), columns)


@lru_cache(maxsize=32)
def recurrent(seed: int, size: int) -> Sparse:
    """Return recurrent weights of spectral radius 1.

    Finding the radius takes the time of the cube of the size (0.3 s at 512, 2 s at 1,024), so the membranes of a network
    share this one; see `relabelled`.

    The radius is taken to the precision of 32 bits: the last bits of eigenvalues depend on the processor and on the number
    of threads that BLAS has, and results must not.
    """
    made = sparse(Random(seed, 0), size, size, FAN_IN)
    radius = float(np.float32(np.max(np.abs(np.linalg.eigvals(made.dense())))))
    return Sparse(made.index, made.weight / radius, size)


def relabelled(base: Sparse, random: Random, radius: float) -> Sparse:
    """Return the weights with units renumbered and signs turned, times `radius`.

    S P W P' S is another matrix with the same eigenvalues: another reservoir whose radius need not be found again.
    """
    order = random.permutation(base.rows)
    signs = np.where(random.uniform(base.rows) < 0.5, -1.0, 1.0)
    place = np.argsort(order, kind="stable")
    index = place[base.index[:, order]]
    return Sparse(index, radius * signs * base.weight[:, order] * signs[index], base.columns)
