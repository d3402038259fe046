"""Mining alone, in a process that loads nothing else: CPU time, and the memory that all of it takes. For `discovery`.

    python -m benchmarks.discovery_worker COUNT [--sentences]

Prints one line of JSON. The clock runs while answers are mined, not while they are generated.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from benchmarks.traffic import Answer, Desk
from compression.discovery import Level, Miner

#: Distinct users that a template takes, and answers that are mined at a time.
K = 5
BATCH = 1_000


@dataclass(frozen=True, slots=True)
class Mined:
    """What mining took: seconds of CPU, the most MB resident before it began and in all; entries held, templates found."""

    seconds: float
    before_mb: float
    most_mb: float
    entries: int
    templates: int


def mine(answers: Iterable[Answer], levels: Sequence[Level]) -> tuple[Miner, float]:
    """Return a miner that has seen the answers, and the seconds of CPU that it took."""
    miner = Miner(K, levels=levels)
    took = 0.0
    rows = ((one.user, one.text) for one in answers)
    while batch := list(islice(rows, BATCH)):
        began = time.thread_time()
        miner.add(batch)
        took += time.thread_time() - began
    began = time.thread_time()
    miner.finish()
    return miner, took + time.thread_time() - began


def messy(count: int) -> Iterator[Answer]:
    """Return answers of 400 templates, 30 % of them with words changed, 30 % improvised."""
    return Desk(400, noise=0.3, improvised=0.3, seed=3).answers(count)


def apart(count: int, *, sentences: bool) -> Mined:
    """Return what it takes to mine so many messy answers in a process of its own, with their sentences or without."""
    command = [sys.executable, "-m", "benchmarks.discovery_worker", str(count), *(["--sentences"] if sentences else [])]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return Mined(**json.loads(done.stdout))


def _most_mb() -> float:
    """Return the most memory that was resident so far, 0 where the system does not tell."""
    status = Path("/proc/self/status")
    # What getrusage tells is that of the process which started this one, if that was larger.
    lines = status.read_text().splitlines() if status.exists() else []
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024 / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("count", type=int, help="answers to mine")
    parser.add_argument("--sentences", action="store_true", help="mine what finds no template by sentences, too")
    chosen = parser.parse_args()
    # One answer makes the miner load all that it needs.
    mine(messy(1), list(Level))
    before = _most_mb()
    miner, seconds = mine(messy(chosen.count), list(Level) if chosen.sentences else [Level.MESSAGE])
    print(json.dumps(asdict(Mined(seconds, before, _most_mb(), miner.size, len(miner.found())))))


if __name__ == "__main__":
    main()
