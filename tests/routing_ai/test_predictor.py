"""Drafts: the predictor, its gate, and the engine that shows them."""

import random
from collections.abc import AsyncGenerator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_ai.hybrid import SCOPES, HybridStreamEngine
from routing_ai.policy.drafting import Drafting
from routing_ai.policy.predictor import NextTokenPredictor, lower_bound, pieces
from routing_ai.providers.base import Token
from routing_ai.quality import monitor
from routing_ai.runs import Completed

PHRASE = "To change your address, open the settings page and choose the entry called address. Then press the button."


def taught(times: int = 60) -> NextTokenPredictor:
    predictor = NextTokenPredictor()
    for number in range(times):
        predictor.learn(f"Dear customer {number}, {PHRASE} Your ticket is {random.Random(number).random()}.")
    return predictor


@given(st.text(max_size=200))
def test_pieces_joined_are_the_text(text: str) -> None:
    assert "".join(pieces(text)) == text


def test_a_set_phrase_is_drafted_once_it_has_come_true_often_enough() -> None:
    begun = "Dear customer 99, To change your address,"
    assert taught(3).draft(begun) == ""
    drafted = taught().draft(begun)
    assert drafted
    assert PHRASE.endswith(drafted) or drafted in PHRASE


def test_what_never_comes_true_is_never_drafted() -> None:
    predictor = NextTokenPredictor()
    for number in range(300):
        chance = random.Random(number)
        predictor.learn("the lucky numbers of today are " + " ".join(str(chance.randrange(50)) for _ in range(30)))
    assert predictor.draft("the lucky numbers of today are 7 7") == ""


def test_it_is_bounded() -> None:
    predictor = NextTokenPredictor(contexts=100)
    for number in range(50):
        predictor.learn(f"{number} " * 30 + PHRASE)
    assert len(predictor) <= 100
    engine = HybridStreamEngine()
    for number in range(SCOPES * 3):
        engine.predictor(str(number))
    assert len(engine._predictors) == SCOPES


def test_bounds_are_wilsons() -> None:
    assert lower_bound(95, 100) == pytest.approx(0.8882, abs=1e-3)
    assert lower_bound(0, 10) == pytest.approx(0)
    assert lower_bound(1000, 1000) > 0.99


@given(st.lists(st.integers(1, 12), min_size=1, max_size=60), st.integers(0, 3))
def test_accounts_are_right_however_the_answer_is_cut(sizes: list[int], seed: int) -> None:
    predictor = PREDICTORS.setdefault("it", taught())
    text = f"Dear customer 7, {PHRASE}" if seed else "Something else entirely. " + PHRASE[:40]
    drafting, start = Drafting(predictor), 0
    for size in sizes:
        drafting.said(text[start : start + size])
        start += size
        drafting.draft()
    drafting.end()
    assert 0 <= drafting.accepted <= drafting.drafted


PREDICTORS: dict[str, NextTokenPredictor] = {}


async def spoken(text: str) -> AsyncGenerator[Token | Completed]:
    for word in pieces(text):
        yield Token(word)
    yield Completed("m", "nano", "stop", 1, 1, 0, 0, 0, "")


async def test_the_engine_changes_no_word_and_marks_every_draft() -> None:
    engine, text = HybridStreamEngine(), f"Dear customer 3, {PHRASE}"
    for number in range(60):
        async for _ in engine.run(spoken(f"Dear customer {number}, {PHRASE}"), "ada"):
            pass
    said, shown, confirmed = "", [], 0
    async for part in engine.run(spoken(text), "ada"):
        if isinstance(part, Token):
            said += part.text
            if part.draft:
                shown.append((said, part.draft))
                confirmed += text.startswith(said + part.draft)
    assert said == text
    assert shown
    assert confirmed == len(shown)
    assert monitor.get_metrics()["m"]["acceptance"] > 0.95
    assert not [part async for part in engine.run(spoken(text), "eve") if isinstance(part, Token) and part.draft]
