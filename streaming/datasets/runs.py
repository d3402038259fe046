"""Runs: an input worked through piece by piece, the same from any checkpoint on."""

import heapq
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import orjson

from streaming.datasets.features import features
from streaming.datasets.network import Network, Spec, State, Step
from streaming.datasets.payload import dump

# The most novel chunks that a summary names.
MOST_NOVEL = 10
VERSION = 1


@lru_cache(maxsize=8)
def network(spec: Spec) -> Network:
    """Return the network of a spec; building one takes milliseconds to seconds."""
    return Network(spec)


@dataclass
class Cursor:
    """Where a run stands, and all it needs to go on from there.

    `position` counts bytes, `chunks` chunks. `waiting` are results that no event has told yet.
    """

    state: State
    position: int = 0
    chunks: int = 0
    novelty_sum: float = 0.0
    most_novel: list[tuple[float, int]] = field(default_factory=list)
    waiting: list[bytes] = field(default_factory=list)
    waiting_from: int = 0

    @classmethod
    def start(cls, spec: Spec) -> "Cursor":
        return cls(network(spec).start())

    @property
    def told(self) -> int:
        """Return the first byte that no event has told of."""
        return self.waiting_from if self.waiting else self.position

    def summary(self) -> dict[str, Any]:
        """Return what can be said of the chunks so far."""
        most = sorted(self.most_novel, key=lambda item: (-item[0], item[1]))
        return {
            "chunks": self.chunks,
            "bytes": self.position,
            "mean_novelty": self.novelty_sum / self.chunks if self.chunks else 0.0,
            "most_novel": [{"position": position, "novelty": novelty} for novelty, position in most],
        }

    def dumps(self, spec: Spec) -> bytes:
        """Return a checkpoint: a line of JSON, then the numbers of the state, little-endian."""
        head = {
            "version": VERSION,
            "spec": asdict(spec),
            "position": self.position,
            "chunks": self.chunks,
            "novelty_sum": self.novelty_sum,
            "most_novel": self.most_novel,
            "waiting": [line.decode() for line in self.waiting],
            "waiting_from": self.waiting_from,
            "usual": self.state.usual,
            "steps": self.state.steps,
        }
        numbers = np.concatenate([self.state.units, self.state.weights.ravel()]).astype("<f8")
        return orjson.dumps(head) + b"\n" + numbers.tobytes()

    @classmethod
    def loads(cls, data: bytes, spec: Spec) -> "Cursor":
        """Return the cursor of a checkpoint. Raises ValueError for what is damaged or belongs to another network."""
        line, _, raw = data.partition(b"\n")
        head = orjson.loads(line)
        if head.get("version") != VERSION or head.get("spec") != asdict(spec):
            raise ValueError("this checkpoint belongs to another network")
        state = network(spec).start()
        numbers = np.frombuffer(raw, "<f8")
        if numbers.size != state.units.size + state.weights.size:
            raise ValueError("this checkpoint is damaged")
        state.units = numbers[: state.units.size].astype(np.float64)
        state.weights = numbers[state.units.size :].astype(np.float64).reshape(state.weights.shape)
        state.usual, state.steps = head["usual"], head["steps"]
        return cls(
            state,
            head["position"],
            head["chunks"],
            head["novelty_sum"],
            [(novelty, position) for novelty, position in head["most_novel"]],
            [line.encode() for line in head["waiting"]],
            head["waiting_from"],
        )


@dataclass(frozen=True, slots=True)
class Result:
    """What the network says of one chunk, as JSON."""

    offset: int
    position: int
    length: int
    json: bytes


def advance(spec: Spec, chunk: int, cursor: Cursor, data: bytes) -> list[Result]:
    """Take in `data`, which begins at the cursor, and return one result a chunk.

    All chunks but the last of the whole input are `chunk` bytes long, so `data` is a multiple of it unless it ends the
    input. How an input is divided between calls changes nothing, to the bit.
    """
    if not data:
        return []
    step = network(spec).step(cursor.state, features(data, chunk))
    return [
        _result(cursor, step, number, min(chunk, len(data) - number * chunk)) for number in range(len(step.novelty))
    ]


def _result(cursor: Cursor, step: Step, number: int, length: int) -> Result:
    novelty = float(step.novelty[number])
    cursor.novelty_sum += novelty
    entry = (novelty, cursor.position)
    if len(cursor.most_novel) < MOST_NOVEL:
        heapq.heappush(cursor.most_novel, entry)
    elif novelty > cursor.most_novel[0][0]:
        heapq.heapreplace(cursor.most_novel, entry)
    fields = {
        "offset": cursor.chunks,
        "position": cursor.position,
        "length": length,
        "novelty": novelty,
        "mean": step.mean[number].tolist(),
        "energy": step.energy[number].tolist(),
    }
    made = Result(cursor.chunks, cursor.position, length, dump(fields))
    cursor.position += length
    cursor.chunks += 1
    return made


def estimate(spec: Spec, chunk: int, size: int) -> float:
    """Return about how many seconds of computing an input takes on a core of 2025 (measured; docs/reference/datasets.md)."""
    build = 1.6 * (spec.size / 1024) ** 3
    each = 85e-6 + 42e-9 * spec.units + 6e-9 * chunk
    return build + each * -(-size // chunk)
