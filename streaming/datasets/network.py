"""Membranes: a tree of reservoirs. Each reads what its parent makes of the input, slower and with a longer memory."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np

from streaming.datasets.features import COUNT
from streaming.datasets.random import Floats, Random
from streaming.datasets.reservoir import Sparse, recurrent, relabelled, sparse

BRANCHES = 2
# Features, or units of the parent, that a unit listens to.
INPUT_FAN_IN = 8
# Parts of an input differ little in their frequencies; large weights make that count (chosen on `example.py`).
INPUT_SCALE = 4.0
# The leak of the root, and the part of it that a membrane one level down has: levels see ever longer spans.
LEAK, LEAK_RATIO = 0.9, 0.5
RADIUS = 0.9
# Units of the root membrane from which the next chunk is foretold: it forgets fastest, so it knows best what comes next.
TAPS = 32
# Step of the normalised least-mean-squares rule (Widrow and Hoff 1960), stable below 2.
LEARNING_STEP = 0.5
# Weight of a new error in the running mean that says what is usual.
ERROR_MEMORY = 0.05


class Mode(StrEnum):
    """How membranes are joined.

    `tree`: the root reads the input, each membrane has two children that read it. `chain`: one membrane a level.
    `parallel`: the membranes of the tree all read the input, and nothing of each other.
    """

    TREE = "tree"
    CHAIN = "chain"
    PARALLEL = "parallel"


@dataclass(frozen=True)
class Spec:
    """What determines a network: the same spec is the same weights everywhere."""

    depth: int = 3
    size: int = 64
    mode: Mode = Mode.TREE
    seed: int = 0

    @property
    def widths(self) -> tuple[int, ...]:
        """Return the number of membranes of each level, from the root."""
        return tuple(1 if self.mode is Mode.CHAIN else BRANCHES**level for level in range(self.depth))

    @property
    def membranes(self) -> int:
        return sum(self.widths)

    @property
    def units(self) -> int:
        return self.membranes * self.size


@dataclass(frozen=True)
class Level:
    """The membranes of one level as one block: their weights never cross from one membrane to another."""

    own: Sparse
    inward: Sparse
    bias: Floats
    leak: float
    span: slice


@dataclass
class State:
    """All that a network carries from chunk to chunk. `steps` counts the chunks."""

    units: Floats
    weights: Floats
    usual: float = 0.0
    steps: int = 0

    def copy(self) -> "State":
        return State(self.units.copy(), self.weights.copy(), self.usual, self.steps)


@dataclass(frozen=True)
class Step:
    """What a network says of each of some chunks.

    `novelty` is in [0, 1): 0.5 is as surprising as usual, towards 1 is new, towards 0 is foreseen. `mean` and `energy`
    (root of the mean square) describe each membrane's units, one column a membrane, the root first. `states` has all units.
    """

    states: Floats
    mean: Floats
    energy: Floats
    novelty: Floats


class Network:
    """The membranes of a spec, and how they step."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        base = recurrent(spec.seed, spec.size)
        first = 0
        levels: list[Level] = []
        for level, width in enumerate(spec.widths):
            count = width * spec.size
            levels.append(_level(spec, base, level, width, slice(first, first + count)))
            first += count
        self.levels = tuple(levels)
        self._taps = Random(spec.seed, 1, 0).permutation(spec.size)[:TAPS]

    def start(self) -> State:
        """Return the state before the first chunk: silence, and nothing foretold."""
        return State(np.zeros(self.spec.units), np.zeros((self._taps.size + 1, COUNT)))

    def step(self, state: State, inputs: Floats) -> Step:
        """Take in the features of chunks, one a row, and change `state` to that after them.

        The result does not depend on how chunks are divided between calls, to the bit.
        """
        states = np.empty((len(inputs), self.spec.units))
        for level in self.levels:
            source = inputs if self._reads_input(level) else states[:, self._parents(level)]
            driven = level.inward.times(source)
            driven += level.bias
            _run(level, state.units[level.span], driven, states[:, level.span])
        novelty = self._novelty(state, inputs, states)
        if len(inputs):
            state.units = states[-1].copy()
            state.steps += len(inputs)
        by_membrane = states.reshape(len(inputs), self.spec.membranes, self.spec.size)
        return Step(states, by_membrane.mean(axis=2), np.sqrt((by_membrane**2).mean(axis=2)), novelty)

    def _reads_input(self, level: Level) -> bool:
        return level.span.start == 0 or self.spec.mode is Mode.PARALLEL

    @cached_property
    def _parent_spans(self) -> dict[int, slice]:
        return {level.span.start: before.span for before, level in zip(self.levels, self.levels[1:], strict=False)}

    def _parents(self, level: Level) -> slice:
        return self._parent_spans[level.span.start]

    def _novelty(self, state: State, inputs: Floats, states: Floats) -> Floats:
        """Foretell each chunk's features from the state before it, learn from the error, and rate the error."""
        novelty = np.empty(len(inputs))
        weights, usual = state.weights, state.usual
        taps = np.empty(self._taps.size + 1)
        taps[-1] = 1.0
        column = taps[:, None]
        product = np.empty(weights.shape)
        before = state.units
        for number, seen in enumerate(inputs):
            np.take(before, self._taps, out=taps[:-1], mode="clip")
            np.multiply(weights, column, out=product)
            error = seen - np.add.reduce(product, axis=0)
            size = float(np.add.reduce(error * error))
            if state.steps + number == 0:
                usual = size
            novelty[number] = size / (size + usual) if size + usual > 0 else 0.5
            # The first errors are those of who has learnt nothing yet: they are forgotten faster.
            usual += max(ERROR_MEMORY, 2.0 / (state.steps + number + 2)) * (size - usual)
            error *= LEARNING_STEP / float(np.add.reduce(taps * taps))
            np.multiply(column, error, out=product)
            weights += product
            before = states[number]
        state.usual = usual
        return novelty


def _level(spec: Spec, base: Sparse, level: int, width: int, span: slice) -> Level:
    """Return one level. Its inward weights count from the first feature, or from the first unit of the level above."""
    own, inward = [], []
    from_input = level == 0 or spec.mode is Mode.PARALLEL
    above = width if spec.mode is Mode.CHAIN else width // BRANCHES
    columns = COUNT if from_input else above * spec.size
    for number in range(width):
        random = Random(spec.seed, 2, level, number)
        own.append(relabelled(base, random, RADIUS))
        one = sparse(random, spec.size, COUNT if from_input else spec.size, INPUT_FAN_IN)
        shift = 0 if from_input else (number * above // width) * spec.size
        inward.append(Sparse(one.index + shift, INPUT_SCALE * one.weight, columns))
    shifts = np.arange(width) * spec.size
    joined = Sparse(
        np.concatenate([one.index + shift for one, shift in zip(own, shifts, strict=True)], axis=1),
        np.concatenate([one.weight for one in own], axis=1),
        width * spec.size,
    )
    entering = Sparse(
        np.concatenate([one.index for one in inward], axis=1),
        np.concatenate([one.weight for one in inward], axis=1),
        columns,
    )
    bias = INPUT_SCALE * Random(spec.seed, 3, level).signed(width * spec.size)
    return Level(joined, entering, bias, LEAK * LEAK_RATIO**level, span)


def _run(level: Level, units: Floats, driven: Floats, out: Floats) -> None:
    """Let leaky units run: x(t) = (1 - leak) x(t-1) + leak tanh(W x(t-1) + driven(t)); Jaeger et al. 2007."""
    index, weight, leak = level.own.index, level.own.weight, level.leak
    gathered = np.empty(weight.shape)
    for number in range(len(driven)):
        np.take(units, index, out=gathered, mode="clip")
        np.multiply(gathered, weight, out=gathered)
        heard = np.add.reduce(gathered, axis=0)
        heard += driven[number]
        np.tanh(heard, out=heard)
        heard *= leak
        heard += (1.0 - leak) * units
        out[number] = units = heard
