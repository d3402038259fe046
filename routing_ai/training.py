"""Trains the classifier: `python -m routing_ai.training FILE...` writes `policy/router_coefficients.json`.

A file has a JSON object a line: `prompt`, `group`, and either `weak` and `strong` (0 to 1: how well each answered) or a
score for each of several models, of which the worst and the best by their means are taken. Ridge regression in plain Python:
a dozen features need no library.

`--levels FILE --weak MODEL... --strong MODEL...` names a file with scores of several models on tasks of many kinds: how much
the strong ones gain on code, and on prose, beyond what they gain on maths, is read from it.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from routing_ai.policy.classifier import COEFFICIENTS
from routing_ai.policy.features import domain, features

# Chosen by cross-validation over subjects that a fit had not seen; more features fitted the training data only
# (docs/explanation/routing.md).
CHOICE = (
    "brackets", "symbols", "unfinished", "a_first",
    "option_likeness", "option_effects", "option_contrast", "option_word_length",
)  # fmt: skip
FREE = ("words", "capitals", "digits", "brackets", "commas", "fact", "quantity", "sentences", "numbers", "question")
SOURCE = (
    "RouteLLM (Apache-2.0): half of the subjects of MMLU, and GSM8K; answers of Mixtral-8x7B and gpt-4-1106. "
    "Levels: LLMRouter (MIT), open models of 7B to 9B against 49B and 51B"
)
RIDGE = {"choice": 10_000.0, "free": 1_000.0}


@dataclass(frozen=True)
class Example:
    """One prompt: its features, and what the strong model gained on it."""

    group: str
    seen: dict[str, float]
    weak: float
    strong: float

    @property
    def aim(self) -> float:
        """What is fitted: that the weak one fails counts for itself, because a stronger one may yet come; see the docs."""
        return (1 - self.weak) + 0.5 * (self.strong - self.weak) if self.seen["options"] else self.strong - self.weak


def read(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a file, each with `prompt`, `group`, `weak` and `strong`."""
    rows = [json.loads(line) for line in path.read_text().split("\n") if line.strip()]
    if rows and "weak" not in rows[0]:
        names = [name for name, value in rows[0].items() if isinstance(value, int | float)]
        means = {name: sum(row[name] for row in rows) / len(rows) for name in names}
        weak, strong = min(names, key=means.__getitem__), max(names, key=means.__getitem__)
        rows = [{**row, "weak": row[weak], "strong": row[strong]} for row in rows]
    return [{"group": path.stem, **row} for row in rows]


def fit(examples: Sequence[Example], names: Sequence[str], ridge: float) -> dict[str, Any]:
    """Return the weights; features and aims count by their distance from the mean of their group's file."""
    mean = {name: _mean([one.seen[name] for one in examples]) for name in names}
    scale = {name: _mean([(one.seen[name] - mean[name]) ** 2 for one in examples]) ** 0.5 or 1.0 for name in names}
    by_group: dict[str, list[Example]] = defaultdict(list)
    for one in examples:
        by_group[one.group].append(one)
    size = len(names)
    matrix = [[ridge * (row == column) for column in range(size)] for row in range(size)]
    vector = [0.0] * size
    for group in by_group.values():
        centre = {name: _mean([one.seen[name] for one in group]) for name in names}
        aim = _mean([one.aim for one in group])
        for one in group:
            values = [(one.seen[name] - centre[name]) / scale[name] for name in names]
            for row, value in enumerate(values):
                vector[row] += value * (one.aim - aim)
                for column in range(size):
                    matrix[row][column] += value * values[column]
    weights = solve(matrix, vector)
    gain = _mean([one.strong - one.weak for one in examples])
    scores = sorted(
        gain + sum(w * (one.seen[name] - mean[name]) / scale[name] for name, w in zip(names, weights, strict=True))
        for one in examples
    )
    rounded = {
        name: [round(mean[name], 5), round(scale[name], 5), round(weight, 6)]
        for name, weight in zip(names, weights, strict=True)
    }
    hundredths = [round(scores[int(place / 100 * len(scores))], 5) for place in range(1, 100)]
    return {"gain": round(gain, 5), "weights": rounded, "hundredths": hundredths, "examples": len(examples)}


def solve(matrix: list[list[float]], vector: list[float]) -> list[float]:
    """Return x with matrix x = vector, by Gauss's elimination with pivots. The matrix must be regular."""
    size = len(vector)
    rows = [[*line, value] for line, value in zip(matrix, vector, strict=True)]
    for column in range(size):
        pivot = max(range(column, size), key=lambda row: abs(rows[row][column]))
        rows[column], rows[pivot] = rows[pivot], rows[column]
        for row in range(column + 1, size):
            factor = rows[row][column] / rows[column][column]
            rows[row] = [value - factor * above for value, above in zip(rows[row], rows[column], strict=True)]
    found = [0.0] * size
    for row in reversed(range(size)):
        known = sum(rows[row][column] * found[column] for column in range(row + 1, size))
        found[row] = (rows[row][size] - known) / rows[row][row]
    return found


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def train(files: Sequence[Path]) -> dict[str, Any]:
    """Return the coefficients of both models."""
    examples: dict[str, list[Example]] = {"choice": [], "free": []}
    for path in files:
        for row in read(path):
            seen = features(row["prompt"])
            # Within a file all counts, its subjects too; between files nothing does: their models differ.
            one = Example(path.stem, seen, row["weak"], row["strong"])
            examples["choice" if seen["options"] else "free"].append(one)
    names = {"choice": CHOICE, "free": FREE}
    return {kind: fit(found, names[kind], RIDGE[kind]) for kind, found in examples.items() if found}


def levels(path: Path, weak: Sequence[str], strong: Sequence[str]) -> dict[str, float]:
    """Return how much more the strong models gain on questions of each kind than on maths, which FREE was fitted to."""
    gains: dict[str, list[float]] = defaultdict(list)
    for row in read(path):
        gains[domain(features(row["prompt"]))].append(_mean([row[m] for m in strong]) - _mean([row[m] for m in weak]))
    return {kind: round(_mean(gains[kind]) - _mean(gains["maths"]), 3) for kind in ("prose", "code")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--levels", type=Path, metavar="FILE")
    parser.add_argument("--weak", nargs="+", metavar="MODEL", default=[])
    parser.add_argument("--strong", nargs="+", metavar="MODEL", default=[])
    parser.add_argument("--output", type=Path, default=COEFFICIENTS)
    chosen = parser.parse_args()
    if chosen.levels and not (chosen.weak and chosen.strong):
        parser.error("--levels needs --weak and --strong")
    data: dict[str, Any] = {"source": SOURCE, "models": train(chosen.files)}
    data["levels"] = levels(chosen.levels, chosen.weak, chosen.strong) if chosen.levels else {}
    chosen.output.write_text(json.dumps(data, indent=1) + "\n")


if __name__ == "__main__":
    main()
