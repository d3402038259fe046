"""The classifier and its training."""

import json
import math
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.router import apgr, cpt
from routing_ai import training
from routing_ai.policy.choice import choose, question
from routing_ai.policy.classifier import COEFFICIENTS, assess
from routing_ai.policy.features import domain, features, language
from routing_ai.policy.tiers import ORDER, Tier

PROOF = "Prove, step by step, that there are infinitely many primes, and explain why the proof does not need numbers."
PROOF_AR = "أثبت خطوة بخطوة أن الأعداد الأولية لا نهائية واشرح لماذا لا يحتاج البرهان إلى أعداد."
CODE = "Debug this:\n```python\ndef f(x):\n    return g(x)\n\nfor i in range(3):\n    print(f(i)); h(i);\n```\nWhy?"


@pytest.mark.parametrize(
    ("wanted", "text", "tiers"),
    [
        ("", "Hi", {Tier.NANO}),
        ("auto", "مرحبا", {Tier.NANO}),
        ("", "What is the capital of France?", {Tier.NANO}),
        ("", PROOF, {Tier.SMART, Tier.GENIUS}),
        ("auto", PROOF_AR, {Tier.SMART, Tier.GENIUS}),
        ("", CODE, {Tier.SMART, Tier.GENIUS}),
        ("genius", "Hi", {Tier.GENIUS}),
    ],
)
def test_the_choice_fits_and_is_explained(wanted: str, text: str, tiers: set[Tier]) -> None:
    choice = choose(wanted, [{"role": "user", "content": text}])
    assert choice.tier in tiers, choice.reason
    assert choice.reason


def test_without_intelligent_routing_all_is_fast() -> None:
    assert choose("auto", [{"role": "user", "content": PROOF}], intelligent=False).tier == Tier.FAST
    with pytest.raises(ValueError, match="huge"):
        choose("huge", [])


def test_the_question_is_the_last_thing_that_the_user_said() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:"}}
    messages = [
        {"role": "system", "content": "x"},
        {"role": "user", "content": [{"type": "text", "text": "What is it?"}, image]},
        {"role": "tool", "content": "42"},
    ]
    assert question(messages) == "What is it?"
    assert question([]) == ""
    assert assess("").tier == Tier.NANO


def test_an_urgent_question_goes_to_a_quicker_tier() -> None:
    plain, hurried = assess("Explain entanglement to a child"), assess("Quick: explain entanglement to a child")
    assert ORDER.index(hurried.tier) < ORDER.index(plain.tier)
    assert hurried.urgent
    assert any("quicker" in reason for reason in hurried.reasons)
    assert assess("عاجل: " + PROOF_AR).urgent


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Hello", "latin"),
        ("مرحبا بك", "ar"),
        ("Привет", "ru"),
        ("你好", "zh"),
        ("こんにちは世界", "ja"),
        ("안녕", "ko"),
        ("123", "latin"),
    ],
)
def test_the_language_is_that_of_the_script(text: str, found: str) -> None:
    assert language(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Which?\nA. one\nB. two\nC. three", "choice"),
        ("أي مما يلي؟\nأ. واحد\nب. اثنان", "choice"),
        (CODE, "code"),
        ("Tom has 3 apples and 14 pears, twice as many as Ann. How many in total?", "maths"),
        ("Dolly has two books, twice as many as Ann. How many books have both together?", "maths"),
        ("Who wrote Faust?", "prose"),
    ],
)
def test_the_domain_is_seen(text: str, found: str) -> None:
    assert domain(features(text)) == found


def test_what_options_say_of_each_other_is_seen() -> None:
    economics = (
        "If money becomes scarce,\nA. prices fall because interest rises\nB. prices rise\nC. less is lent\nAnswer:"
    )
    names = "Which of these painted the Water Lilies?\nA. Monet\nB. Manet\nC. Degas\nAnswer:"
    worked, known = features(economics), features(names)
    assert worked["option_effects"] == pytest.approx(math.log1p(5))
    assert known["option_effects"] == 0
    assert (worked["unfinished"], known["unfinished"]) == (1, 0)
    assert assess(economics).gain > assess(names).gain
    # The words that a test form ends in are no words of the question.
    assert features(names) == features(names.removesuffix("\nAnswer:"))
    assert features("The opposite of left is\nA. right\nB. wrong")["unfinished"] == 1


@pytest.mark.parametrize(
    ("options", "least", "most"),
    [
        (("Monet", "Warhol", "Degas"), 0, 0.1),
        (("the river bank", "the river banks", "a tree"), 0.6, 0.9),
        # Words of comparison count as one, in both languages.
        (("prices rise", "prices fall", "nothing happens"), 1, 1),
        (("السعر أعلى", "السعر أقل"), 1, 1),
        (("-", "+"), 0, 0),
        # What comes behind the first words is not looked at.
        (("the same " * 50 + "here", "the same " * 50 + "there"), 1, 1),
    ],
)
def test_the_two_options_that_are_most_alike_are_seen(options: tuple[str, ...], least: float, most: float) -> None:
    listed = [f"{letter}. {option}" for letter, option in zip("ABC", options, strict=False)]
    seen = features("\n".join(["Which?", *listed]))
    assert least <= seen["option_likeness"] <= most
    assert seen["option_contrast"] == pytest.approx(seen["option_likeness"] * seen["option_effects"])


def test_a_question_whose_options_differ_by_a_comparison_gains_by_a_stronger_model() -> None:
    told = "If money becomes scarce,\nA. {} prices\nB. {} prices\nC. a shortage"
    assert assess(told.format("higher", "lower")).gain > assess(told.format("noble", "gentle")).gain


def test_code_gains_more_by_a_stronger_model_than_what_one_knows() -> None:
    assert assess("Write a Python function that reverses a list.").gain > assess("Who wrote the novel Faust?").gain


def test_levels_are_read_from_models_of_two_sizes(tmp_path: Path) -> None:
    kinds = {
        "Who wrote Faust?": 0.1,
        "Write a function in Python": 0.9,
        "Two pens cost half of 4 dollars. How much is one?": 0.5,
    }
    rows = [{"prompt": text, "group": "g", "s": 0.0, "t": 0.0, "l": gain, "m": 1.0} for text, gain in kinds.items()]
    file = tmp_path / "made.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    assert training.levels(file, ["s", "t"], ["l"]) == {"prose": -0.4, "code": 0.4}


@given(st.text(max_size=300))
def test_any_text_has_an_assessment(text: str) -> None:
    found = assess(text)
    assert 0 <= found.need <= 1
    assert found.reasons


@pytest.mark.parametrize(
    "text",
    ["(" * 20_000, "A. " * 20_000, "1,1." * 20_000, "a'" * 20_000, "\n" * 20_000, " " * 50_000, "answer " * 3_000],
)
def test_no_text_takes_long_because_of_its_shape(text: str) -> None:
    assert assess(text).need >= 0


def test_the_gap_is_measured_as_the_paper_does() -> None:
    rows = [(float(score), float(score > 5)) for score in range(10)]
    assert apgr(rows) > 0.75
    assert cpt(rows, 0.5) == 0.2
    assert cpt(rows, 1.0) == 0.4
    assert apgr([(-score, gain) for score, gain in rows]) == pytest.approx(1 - apgr(rows))


def test_equations_are_solved() -> None:
    assert training.solve([[0.0, 2.0], [3.0, 1.0]], [4.0, 5.0]) == pytest.approx([1.0, 2.0])


def test_training_finds_what_makes_a_prompt_hard(tmp_path: Path) -> None:
    chance = random.Random(1)
    rows = []
    for _ in range(300):
        words = chance.randrange(5, 60)
        text = " ".join(chance.choice(("alpha", "beta", "gamma")) for _ in range(words))
        rows.append({"prompt": text, "group": "g", "weak": float(words < 30), "strong": 1.0})
    file = tmp_path / "made.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    trained = training.train([file])["free"]
    assert trained["examples"] == 300
    assert trained["weights"]["words"][2] > 0.05
    assert trained["gain"] == pytest.approx(sum(1 - row["weak"] for row in rows) / 300, abs=1e-4)
    several = tmp_path / "several.jsonl"
    # A line separator of Unicode is no end of a line of JSON.
    row = {"prompt": "x\u2028y", "group": "g", "small": 0.2, "big": 0.9, "middle": 0.5}
    several.write_text(json.dumps(row, ensure_ascii=False))
    assert {name: training.read(several)[0][name] for name in ("weak", "strong")} == {"weak": 0.2, "strong": 0.9}


def test_the_coefficients_in_the_repository_are_whole() -> None:
    models = json.loads(COEFFICIENTS.read_text())["models"]
    assert set(models["choice"]["weights"]) == set(training.CHOICE)
    assert set(models["free"]["weights"]) == set(training.FREE)
    assert all(model["hundredths"] == sorted(model["hundredths"]) for model in models.values())
