"""How often the drafts of the predictor come true, and how much of the answers they cover.

`--corpus FILE` and `--train FILE` (JSON lines with `role` and `text`; the messages of the assistant count). The predictor
learns the training answers; then it drafts through each further answer as the stream would: at the end of each word that no
draft covers yet. Text of a draft is accepted when the model says it there. The final text is always the model's own.

- acceptance: accepted characters of all that were drafted, beside drafting without the gate
- coverage: accepted characters of all
"""

import json
import time
from pathlib import Path

from benchmarks.report import Report, options
from routing_ai.policy.drafting import Drafting
from routing_ai.policy.predictor import GATE, NextTokenPredictor, pieces


def answers(path: Path, limit: int) -> list[str]:
    """Return the texts of the assistant's messages."""
    rows = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    return [row["text"] for row in rows if row.get("role") == "assistant" and row.get("text")][:limit]


def measure(predictor: NextTokenPredictor, texts: list[str], *, learn: bool) -> tuple[int, int, int]:
    """Return drafted, accepted and all words."""
    drafted = accepted = words = 0
    for text in texts:
        drafting = Drafting(predictor)
        said = pieces(text)
        out = []
        for word in said:
            drafting.said(word)
            out.append(word)
            drafting.draft()
        drafting.end()
        assert "".join(out) == text
        drafted += drafting.drafted
        accepted += drafting.accepted
        words += len(text)
        if learn:
            predictor.learn(text)
    return drafted, accepted, words


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--corpus", type=Path, required=True, metavar="FILE")
    parser.add_argument("--train", type=Path, required=True, metavar="FILE")
    chosen = parser.parse_args()
    report = Report("predictor")
    name = chosen.corpus.name.split(".")[0]
    train = answers(chosen.train, 1_500 if chosen.quick else 10_000)
    test = answers(chosen.corpus, 300 if chosen.quick else 2_000)
    rows: list[list[object]] = []
    for title, gate in (("gated", GATE), ("without a gate", 0.0)):
        predictor = NextTokenPredictor(1_000_000, gate)
        begun = time.perf_counter()
        for text in train:
            predictor.learn(text)
        spent = time.perf_counter() - begun
        drafted, accepted, words = measure(predictor, test, learn=False)
        micros = spent / sum(map(len, train)) * 1e6
        rows.append([title, accepted / max(1, drafted), accepted / words, len(predictor), micros])
        if gate:
            report.add(f"acceptance.{name}", accepted / max(1, drafted), "share of drafted characters")
            report.add(f"coverage.{name}", accepted / words, "share of characters")
    heads = ["drafts", "acceptance", "coverage", "contexts", "us a character learned"]
    report.table(f"{name}: {len(train)} answers learned, {len(test)} drafted", heads, rows)
    report.finish(chosen.json)


if __name__ == "__main__":
    main()
