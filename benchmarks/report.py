"""What every benchmark shares: its options, its results, a table, and JSON."""

import argparse
import json
import math
import random
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Report:
    """Results of one benchmark by name, and the tables that explain them."""

    benchmark: str
    results: list[dict[str, Any]] = field(default_factory=list)

    def add(self, name: str, value: float, unit: str) -> None:
        """Add a result; its name begins with that of the benchmark."""
        if not math.isfinite(value):
            raise ValueError(f"{name} is {value}")
        self.results.append({"name": f"{self.benchmark}.{name}", "value": value, "unit": unit})

    def table(self, title: str, heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Print a table; numbers with three significant digits."""
        cells = [[_cell(value) for value in row] for row in rows]
        widths = [max(len(row[number]) for row in [list(heads), *cells]) for number in range(len(heads))]
        print(f"\n{title}")
        for row in [list(heads), ["-" * width for width in widths], *cells]:
            first, *rest = zip(row, widths, strict=True)
            print("  ".join([first[0].ljust(first[1]), *(text.rjust(width) for text, width in rest)]).rstrip())
        sys.stdout.flush()

    def finish(self, file: Path | None) -> None:
        """Print the results, and write them as JSON when a file is given."""
        self.table("results", ["name", "value", "unit"], [[r["name"], r["value"], r["unit"]] for r in self.results])
        if file is not None:
            file.write_text(json.dumps({"benchmark": self.benchmark, "results": self.results}, indent=1) + "\n")


def options(description: str | None, **more: Any) -> argparse.ArgumentParser:
    """Return a parser with `--quick` (under a minute) and `--json FILE`."""
    parser = argparse.ArgumentParser(description=description, **more)
    parser.add_argument("--quick", action="store_true", help="less of everything: done in under a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there as JSON")
    return parser


def median(values: Sequence[float]) -> float:
    """Return the median."""
    return statistics.median(values)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which that share (0 to 1) of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def interval(
    values: Sequence[float], of: Callable[[Sequence[float]], float] = median, rounds: int = 400
) -> tuple[float, float]:
    """Return the 95 % confidence interval of a statistic, by bootstrap (Efron, 1979) with a fixed seed."""
    chance = random.Random(1)
    found = sorted(of(chance.choices(list(values), k=len(values))) for _ in range(rounds))
    return found[int(rounds * 0.025)], found[int(rounds * 0.975)]


def in_turn(
    calls: Mapping[str, Callable[[Any], object]], items: Sequence[Any], rounds: int = 1
) -> dict[str, list[float]]:
    """Return the seconds of each call on each item; the calls take turns, so that all meet the same machine."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for item in items:
            for name, call in calls.items():
                start = time.perf_counter()
                call(item)
                seconds[name].append(time.perf_counter() - start)
    return seconds


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1_000 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
