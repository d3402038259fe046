"""Slices of jobs: what a worker is asked, and what it answers."""

import pickle
import struct
import time
from dataclasses import dataclass
from typing import BinaryIO

from streaming.datasets.events import Layout, write
from streaming.datasets.network import Spec
from streaming.datasets.pace import Shape
from streaming.datasets.runs import Cursor, advance
from streaming.jobs.spool import Folder

LENGTH = struct.Struct("<I")
# Seconds that a slice takes before another job has its turn, bytes of input it reads, and bytes of events it gives.
SLICE = 0.04
SLICE_INPUT = 4 * 1024 * 1024
SLICE_OUTPUT = 256 * 1024
# Bytes read from the file at once; at least one chunk.
READ = 256 * 1024


@dataclass(frozen=True)
class Task:
    """A slice of a job: go on from `cursor` (None: from the start) in the input, of which `available` bytes are there.

    `last` says that these are all bytes. Up to `silent_until` results are not told: the client has them. With `eager`
    nothing waits to fill an event while the input stands still.
    """

    spec: Spec
    chunk: int
    layout: Layout
    shape: Shape
    files: Folder
    cursor: Cursor | None
    available: int
    last: bool
    silent_until: int = 0
    eager: bool = False


@dataclass(frozen=True)
class Outcome:
    """Where the slice ended and the events it made; `seconds` of computing."""

    cursor: Cursor
    events: list[bytes]
    seconds: float


def compute(task: Task) -> Outcome:
    """Work on a task until its time is over or its input used up. Raises OSError when the file is gone.

    The time begins when the network is there, and a chunk is computed however late it is: each slice is some way on.
    """
    begun = time.perf_counter()
    cursor = task.cursor or Cursor.start(task.spec)
    working = time.perf_counter()
    usable = task.available if task.last else task.available - task.available % task.chunk
    end = min(usable, cursor.position + SLICE_INPUT)
    events: list[bytes] = []
    size, chunks = 0, 1
    with task.files.open() as file:
        file.seek(cursor.position)
        while cursor.position < end and (
            chunks == 1 or (size < SLICE_OUTPUT and time.perf_counter() - working < SLICE)
        ):
            silent = cursor.position < task.silent_until
            stop = min(usable, task.silent_until) if silent else usable
            data = file.read(min(max(1, READ // task.chunk), chunks) * task.chunk)[: stop - cursor.position]
            file.seek(cursor.position + len(data))
            results = advance(task.spec, task.chunk, cursor, data)
            if silent:
                cursor.waiting.clear()
            else:
                whole = cursor.position >= usable and (task.last or task.eager)
                made = write(task.layout, task.shape, cursor, results, flush=whole)
                size += sum(map(len, made))
                events += made
            chunks *= 2
    return Outcome(cursor, events, time.perf_counter() - begun)


def read_message(stream: BinaryIO) -> object | None:
    """Return the next message, None at the end."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    return pickle.loads(stream.read(LENGTH.unpack(head)[0]))


def message(value: object) -> bytes:
    """Return the bytes of a message."""
    data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    return LENGTH.pack(len(data)) + data
