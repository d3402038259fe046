"""How much of a model a question needs, and why: a small linear model over `features`, trained by `routing_ai.training`.

Two models: one for questions with options to choose from, one for all others. Their weights come from public data where a
weak and a strong model answered the same prompts (docs/explanation/routing.md); they say how much the strong one is expected
to gain. Options tell by how alike they are, other questions mostly by their length, and all of it is little: a question does
not show how hard it is.
"""

import json
import math
from bisect import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from routing_ai.policy.features import domain, features, language, reasoning, urgent
from routing_ai.policy.tiers import ORDER, Tier

COEFFICIENTS = Path(__file__).with_name("router_coefficients.json")
# What a tier must be able to do: needs from 0 to 1 above which the next better one is asked.
STEPS = (0.3, 0.6, 0.87)
# Questions of so few words without any sign of difficulty are small talk.
SMALL_TALK = 8


@dataclass(frozen=True, slots=True)
class Assessment:
    """What a question is like. `gain` is what the best tier is expected to gain over the cheapest (a share of answers),
    `need` is where that stands among the questions of the training data, from 0 to 1, with plain signs added."""

    tier: Tier
    need: float
    gain: float
    domain: str
    language: str
    urgent: bool
    reasoning: bool
    reasons: tuple[str, ...]


def assess(text: str) -> Assessment:
    """Return the assessment of a question."""
    seen = features(text)
    kind = domain(seen)
    model = _model("choice" if kind == "choice" else "free")
    parts = {name: weight * (seen[name] - mean) / scale for name, (mean, scale, weight) in model.weights.items()}
    score = model.gain + sum(parts.values())
    asks = reasoning(text)
    hurry = urgent(text)
    need, reasons = _need(model.place(score), seen, asks, kind)
    reasons += [f"{kind}, {round(math.expm1(seen['words']))} words", *_telling(parts)]
    step = bisect(STEPS, need)
    if hurry and step:
        step -= 1
        reasons.append("urgent: a quicker tier")
    script = language(text)
    if script != "latin":
        reasons.append(f"script {script}")
    return Assessment(ORDER[step], need, score + level(seen), kind, script, hurry, asks > 0, tuple(reasons))


def _need(place: float, seen: Mapping[str, float], asks: int, kind: str) -> tuple[float, list[str]]:
    """Return the need, and those reasons for it that are plain signs."""
    signs = ["asks for reasoning"] if asks else []
    plain = not asks and kind not in ("code", "maths") and not seen["options"]
    if plain and math.expm1(seen["words"]) <= SMALL_TALK:
        return min(place, 0.2), ["short and plain"]
    # Set by hand: the training data has only questions with a catch, so it says which of two is harder, but not how hard
    # what people ask in a chat is.
    need = 0.35 * place + 0.3 * min(asks, 2) + (0.32 if kind != "prose" else 0.05)
    return min(1.0, need), signs


def _telling(parts: Mapping[str, float]) -> list[str]:
    """Return the two features that count most, in words."""
    most = sorted(parts, key=lambda name: -abs(parts[name]))[:2]
    return [
        f"{name.replace('_', ' ')}: {'stronger' if parts[name] > 0 else 'lighter'} model"
        for name in most
        if abs(parts[name]) > 0.005
    ]


@dataclass(frozen=True, slots=True)
class Model:
    """Weights by feature (mean, scale, weight), the mean gain, and the gains at each hundredth of the training data."""

    weights: Mapping[str, tuple[float, float, float]]
    gain: float
    hundredths: Sequence[float]

    def place(self, gain: float) -> float:
        """Return the share of the training data with a lower gain."""
        return bisect(self.hundredths, gain) / len(self.hundredths)


@cache
def _data() -> dict[str, Any]:
    data: dict[str, Any] = json.loads(COEFFICIENTS.read_text())
    return data


def level(seen: Mapping[str, float]) -> float:
    """Return what questions of this kind gain beyond those that the weights were fitted to, which are maths: code gains more
    by a stronger model, what one knows or does not gains less."""
    levels: dict[str, float] = _data()["levels"]
    return levels.get(domain(seen), 0.0)


@cache
def _model(name: str) -> Model:
    data: dict[str, Any] = _data()["models"][name]
    weights = {feature: (value[0], value[1], value[2]) for feature, value in data["weights"].items()}
    return Model(weights, data["gain"], data["hundredths"])
