"""How well the router tells which prompts need the strong model, beside chance and beside length alone.

`--data FILE` (may be repeated): a JSON object a line with `prompt`, `group`, and `weak` and `strong` (how well each
answered, 0 to 1) or a score for each of several models. Prompts go to the strong model in the order of the router's scores:

- APGR: the share of the strong model's gain that is recovered, averaged over all shares of calls from none to all (RouteLLM,
  Ong et al., 2024); 0.5 is chance.
- CPT50, CPT80: the share of calls that must go to the strong model to recover 50 or 80 % of its gain.

The training data is half of MMLU's subjects and GSM8K, so figures on those files are of prompts that were seen; the rows
`unseen` train anew for each tenth of the subjects (or prompts) without it.
"""

import random
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from benchmarks.report import Report, interval, options
from routing_ai import training
from routing_ai.policy.classifier import assess, level
from routing_ai.policy.features import features

# Groups with fewer prompts, or next to no gain, say nothing.
PROMPTS, GAIN = 90, 0.02

Row = dict[str, object]


def curve(rows: Sequence[tuple[float, float]]) -> list[float]:
    """Return the share of the gain recovered after each number of calls; rows are (score, gain)."""
    total = sum(gain for _, gain in rows)
    found, recovered = [0.0], 0.0
    for _, gain in sorted(rows, key=lambda row: -row[0]):
        recovered += gain
        found.append(recovered / total)
    return found


def apgr(rows: Sequence[tuple[float, float]]) -> float:
    """Return the mean of the curve."""
    found = curve(rows)
    return sum(found) / len(found)


def spread_of(rows: Sequence[tuple[float, float]], rounds: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of APGR."""
    return interval(range(len(rows)), lambda drawn: apgr([rows[int(number)] for number in drawn]), rounds)


def cpt(rows: Sequence[tuple[float, float]], share: float) -> float:
    """Return the least share of calls that recovers that share of the gain."""
    found = curve(rows)
    return next(number for number, value in enumerate(found) if value >= share) / len(rows)


def unseen_scores(rows: Sequence[dict[str, object]]) -> list[float]:
    """Return scores by models that were trained on other subjects, or, with one subject, on other prompts."""
    seen = [features(str(row["prompt"])) for row in rows]
    names = sorted({str(row["group"]) for row in rows})
    dealt = list(range(len(rows)))
    random.Random(0).shuffle(dealt)
    random.Random(0).shuffle(names)
    part = (
        {n: p % 10 for p, n in enumerate(dealt)}
        if len(names) < 10
        else {n: names.index(str(row["group"])) % 10 for n, row in enumerate(rows)}
    )
    scores = [0.0] * len(rows)
    for fold in range(10):
        examples = [
            training.Example("", seen[n], float(str(row["weak"])), float(str(row["strong"])))
            for n, row in enumerate(rows)
            if part[n] != fold
        ]
        for kind, used in (("choice", training.CHOICE), ("free", training.FREE)):
            mine = [one for one in examples if bool(one.seen["options"]) == (kind == "choice")]
            theirs = [n for n in part if part[n] == fold and bool(seen[n]["options"]) == (kind == "choice")]
            if len(mine) < PROMPTS or not theirs:
                continue
            weights = training.fit(mine, used, training.RIDGE[kind])["weights"]
            for n in theirs:
                line = sum(w * (seen[n][name] - mean) / scale for name, (mean, scale, w) in weights.items())
                scores[n] = line + level(seen[n])
    return scores


def measure(report: Report, path: Path, quick: bool) -> None:
    """Print and add the figures of one file, whole and by group."""
    rows = training.read(path)
    gains = [row["strong"] - row["weak"] for row in rows]
    begun = time.perf_counter()
    assessed = [assess(str(row["prompt"])) for row in rows]
    spent = (time.perf_counter() - begun) / len(rows) * 1e6
    scores = {
        "router": [one.gain for one in assessed],
        "length": [float(len(str(row["prompt"]))) for row in rows],
        "random": [random.Random(n).random() for n in range(len(rows))],
    }
    if not quick:
        scores["unseen"] = unseen_scores(rows)
    groups: dict[str, list[int]] = defaultdict(list)
    groups[path.stem] = list(range(len(rows)))
    for number, row in enumerate(rows):
        if row["group"] != path.stem:
            groups[str(row["group"])].append(number)
    table = []
    for task, members in groups.items():
        if task != path.stem and (len(members) < PROMPTS or sum(gains[n] for n in members) / len(members) < GAIN):
            continue
        for name, values in scores.items():
            pairs = [(values[n], gains[n]) for n in members]
            low, high = spread_of(pairs, 40 if quick else 200) if task == path.stem else (0.0, 0.0)
            spread = f"{low:.3f}-{high:.3f}" if high else ""
            table.append([task, len(members), name, apgr(pairs), spread, cpt(pairs, 0.5), cpt(pairs, 0.8)])
        report.add(f"apgr.{task}", apgr([(scores["router"][n], gains[n]) for n in members]), "share")
        report.add(f"apgr_length.{task}", apgr([(scores["length"][n], gains[n]) for n in members]), "share")
        if not quick and task == path.stem:
            report.add(f"apgr_unseen.{task}", apgr([(scores["unseen"][n], gains[n]) for n in members]), "share")
    report.table(str(path.name), ["task", "prompts", "by", "APGR", "95 %", "CPT50", "CPT80"], table)
    report.add("us_per_prompt", spent, "us")


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--data", type=Path, action="append", required=True, metavar="FILE")
    chosen = parser.parse_args()
    report = Report("router")
    for path in chosen.data:
        measure(report, path, chosen.quick)
    report.finish(chosen.json)


if __name__ == "__main__":
    main()
