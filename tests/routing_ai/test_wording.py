"""Why a tier answered: every word that the router has for it is known in Arabic."""

import json

import pytest
from django.utils import translation

from routing_ai.answers import REASON
from routing_ai.leaving import NOTE
from routing_ai.policy.choice import choose
from routing_ai.policy.classifier import COEFFICIENTS
from routing_ai.wording import KNOWN, in_words

MODELS = json.loads(COEFFICIENTS.read_text())["models"]
FEATURES = sorted({name.replace("_", " ") for model in MODELS.values() for name in model["weights"]})
QUESTIONS = [
    "Hi!",
    "Prove step by step that there are 3 primes between 10 and 20, urgently please, and explain why.",
    "def f(x):\n    return x + 1\n\nWhy does this fail?",
    "Which is right?\nA) 1 + 1 = 2\nB) 1 + 1 = 3\nC) none of them",
    "Compute the integral of x^2 from 0 to 3.",
]


@pytest.mark.parametrize("question", QUESTIONS)
def test_what_the_router_says_has_no_english_left_in_arabic(question: str) -> None:
    reason = choose("", [{"role": "user", "content": question}]).reason
    with translation.override("en"):
        assert in_words(reason).startswith("need 0.")
    with translation.override("ar"):
        said = in_words(f"{reason}; smart could not answer; {NOTE}; with a picture")
    assert not [word for word in said.replace("smart", "").split() if word.isascii() and word.isalpha()]


@pytest.mark.parametrize("part", ["asked for", "asked for by name", "routing is off", REASON, NOTE, *sorted(KNOWN)])
def test_every_reason_is_translated(part: str) -> None:
    with translation.override("ar"):
        assert in_words(part) != part


@pytest.mark.parametrize("feature", FEATURES)
def test_every_feature_of_the_router_is_translated(feature: str) -> None:
    with translation.override("ar"):
        said = in_words(f"need 0.50: {feature}: stronger model")
    assert feature not in said


def test_what_is_not_known_stays_as_it_is() -> None:
    with translation.override("ar"):
        assert in_words("something else") == "something else"
        assert in_words("") == ""
