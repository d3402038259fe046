"""Read-outs, and the worked example: states tell what the parts of the input alone cannot."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.datasets.example import PART, learn_and_rate, machine_log, quality
from streaming.datasets.network import Spec
from streaming.datasets.random import Random
from streaming.datasets.readout import ReadOut


def test_a_linear_rule_is_found() -> None:
    random = Random(1)
    states, rule = random.signed(200, 5), random.signed(5, 2)
    read_out = ReadOut(5, 2, ridge=1e-12)
    read_out.learn(states, states @ rule + 3.0)
    read_out.solve()
    assert np.allclose(read_out.say(states), states @ rule + 3.0, atol=1e-6)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=6), st.floats(1e-6, 10.0))
def test_learning_in_batches_is_ridge_regression_on_all(batches: list[int], ridge: float) -> None:
    random = Random(2)
    read_out = ReadOut(4, 1, ridge)
    rows, targets = [], []
    for batch in batches:
        rows.append(random.signed(batch, 4))
        targets.append(random.signed(batch))
        read_out.learn(rows[-1], targets[-1])
    read_out.solve()
    full = np.concatenate([np.concatenate(rows), np.ones((sum(batches), 1))], axis=1)
    squares = full.T @ full
    expected = np.linalg.solve(squares + ridge * np.trace(squares) / 5 * np.eye(5), full.T @ np.concatenate(targets))
    assert np.allclose(read_out.weights[:, 0], expected, rtol=1e-6, atol=1e-9)


def test_what_cannot_be_learnt_is_refused() -> None:
    with pytest.raises(ValueError, match="learn from something first"):
        ReadOut(3, 1).solve()
    with pytest.raises(ValueError, match="2 states, but 3 targets"):
        ReadOut(3, 1).learn(np.zeros((2, 3)), np.zeros(3))


def test_the_log_says_nothing_by_its_parts() -> None:
    log = machine_log(500, 1)
    assert len(log.data) == 500 * PART
    assert 5 < log.wrong.sum() < 60


def test_the_example_needs_the_memory_of_the_membranes() -> None:
    rated = learn_and_rate(Spec(), machine_log(3000, 1), machine_log(1500, 2))
    assert rated["states"] > 0.95
    assert rated["novelty"] > 0.95
    assert rated["features"] < 0.6


def test_quality_of_guessing_and_of_knowing() -> None:
    labels = np.array([0.0, 0, 1, 1])
    assert quality(np.array([1.0, 2, 3, 4]), labels) == 1.0
    assert quality(np.array([4.0, 3, 2, 1]), labels) == 0.0
    assert quality(np.array([1.0, 3, 2, 4]), labels) == 0.75
