"""Read-outs: ridge regression on the states of a network (Lukoševičius 2012, section 4), trained on a labelled stream."""

import numpy as np

from streaming.datasets.random import Floats


class ReadOut:
    """Learns to say `outputs` numbers from `inputs` numbers.

    Memory is that of the sums, however long the stream: learn from any number of batches, solve, go on learning. For
    classes give one output each, 1 for the right one and 0 for the others, and take the largest.
    """

    def __init__(self, inputs: int, outputs: int, ridge: float = 1e-6) -> None:
        """`ridge` is the penalty on large weights, as a part of the mean square of the inputs; more against noise."""
        self.ridge = ridge
        self.seen = 0
        self.weights: Floats = np.zeros((inputs + 1, outputs))
        self._squares = np.zeros((inputs + 1, inputs + 1))
        self._products = np.zeros((inputs + 1, outputs))

    def learn(self, states: Floats, targets: Floats) -> None:
        """Take in rows of states and what should be said of each. Raises ValueError when the shapes do not match."""
        if len(states) != len(targets):
            raise ValueError(f"{len(states)} states, but {len(targets)} targets")
        rows = _with_bias(states)
        self._squares += rows.T @ rows
        self._products += rows.T @ targets.reshape(len(targets), -1)
        self.seen += len(rows)

    def solve(self) -> None:
        """Find the weights for all that was learnt. Raises ValueError when nothing was."""
        if not self.seen:
            raise ValueError("learn from something first")
        size = len(self._squares)
        scale = self.ridge * float(np.trace(self._squares)) / size
        self.weights = np.asarray(np.linalg.solve(self._squares + scale * np.eye(size), self._products), np.float64)

    def say(self, states: Floats) -> Floats:
        """Return the outputs for rows of states."""
        said: Floats = _with_bias(states) @ self.weights
        return said


def _with_bias(states: Floats) -> Floats:
    return np.concatenate([states, np.ones((len(states), 1))], axis=1)
