"""A worked example: a machine whose log looks well line by line, but whose steps come in the wrong order now and then.

No part of the log shows that by itself; only who remembers the part before can tell (docs/how-to/train-a-read-out.md).
"""

from dataclasses import dataclass

import numpy as np

from streaming.datasets.features import features
from streaming.datasets.network import Network, Spec
from streaming.datasets.random import Floats, Random
from streaming.datasets.readout import ReadOut

PART = 512
STEPS = (
    "heat zone {} to {} C",
    "press at {} bar for {} s",
    "cool by {} l/min, now {} C",
    "open gate {} after {} s",
    "weigh part {}: {} g",
)


@dataclass(frozen=True)
class Log:
    """A log of parts of PART bytes; `wrong` says which parts came out of order."""

    data: bytes
    wrong: Floats


def machine_log(parts: int, seed: int, share: float = 0.05) -> Log:
    """Return a log in which about `share` of the parts are not the step that was due."""
    random = Random(seed)
    wrong = (random.uniform(parts) < share).astype(np.float64)
    wrong[0] = 0.0
    skips = 1 + (random.uniform(parts) * (len(STEPS) - 1)).astype(int)
    numbers = (random.uniform(parts, 64, 2) * 900 + 100).astype(int)
    step, text = 0, []
    for part in range(parts):
        step = (step + 1 + (int(skips[part]) if wrong[part] else 0)) % len(STEPS)
        lines = "\n".join(STEPS[step].format(*pair) for pair in numbers[part])
        text.append(lines[: PART - 1] + "\n")
    return Log("".join(text).encode(), wrong)


def quality(scores: Floats, labels: Floats) -> float:
    """Return the chance that a positive is scored above a negative: 0.5 is guessing, 1 perfect (area under the ROC)."""
    order = np.argsort(np.argsort(scores)) + 1
    positive = labels > 0.5
    count, rest = int(positive.sum()), int((~positive).sum())
    return float((order[positive].sum() - count * (count + 1) / 2) / (count * rest))


def learn_and_rate(spec: Spec, train: Log, test: Log) -> dict[str, float]:
    """Return the quality on `test` of read-outs trained on `train`: of the network's states, and of the features alone; and
    that of the novelty, which was never told anything."""
    network = Network(spec)
    inputs, unseen = features(train.data, PART), features(test.data, PART)
    states, later = network.step(network.start(), inputs).states, network.step(network.start(), unseen)
    rated = {"novelty": quality(later.novelty[100:], test.wrong[100:])}
    for name, known, new in (("states", states, later.states), ("features", inputs, unseen)):
        read_out = ReadOut(known.shape[1], 1, ridge=1e-4)
        read_out.learn(known, train.wrong)
        read_out.solve()
        rated[name] = quality(read_out.say(new)[:, 0], test.wrong)
    return rated
