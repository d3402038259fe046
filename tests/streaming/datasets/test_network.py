"""The membranes: spectral radius, the same to the bit however an input is divided, and the same states as reservoirpy."""

import hashlib
import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streaming.datasets import network as membranes
from streaming.datasets.features import COUNT, features
from streaming.datasets.network import RADIUS, Mode, Network, Spec
from streaming.datasets.random import Random
from streaming.datasets.reservoir import FAN_IN, recurrent, relabelled
from tests.live import ROOT

INPUT = "".join(f"{number}: the quick brown fox; " for number in range(400)).encode()
SPECS = [Spec(3, 16, mode, seed) for mode in Mode for seed in (0, 7)]


def largest(matrix: np.ndarray) -> float:
    return float(np.max(np.abs(np.linalg.eigvals(matrix))))


@pytest.mark.parametrize("size", [16, 64, 200])
def test_the_spectral_radius_is_set_and_relabelling_keeps_it(size: int) -> None:
    base = recurrent(5, size)
    assert largest(base.dense()) == pytest.approx(1.0, abs=1e-7)
    other = relabelled(base, Random(5, 1), 0.7)
    assert largest(other.dense()) == pytest.approx(0.7, abs=1e-7)
    assert not np.allclose(np.sort(other.dense().ravel()), np.sort(0.7 * base.dense().ravel()))
    assert (np.count_nonzero(other.dense(), axis=1) == FAN_IN).all()


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_every_membrane_has_the_radius_and_hears_no_other(spec: Spec) -> None:
    for level, width in zip(Network(spec).levels, spec.widths, strict=True):
        full = level.own.dense()
        for number in range(width):
            span = slice(number * spec.size, (number + 1) * spec.size)
            assert largest(full[span, span]) == pytest.approx(RADIUS, abs=1e-7)
            full[span, span] = 0
        assert not full.any()


def test_a_child_reads_its_own_parent() -> None:
    spec = Spec(4, 16)
    for level, width in zip(Network(spec).levels[1:], spec.widths[1:], strict=True):
        full = level.inward.dense()
        for number in range(width):
            rows = full[number * 16 : (number + 1) * 16]
            heard = np.flatnonzero(rows.any(axis=0)) // 16
            assert set(heard) == {number // 2}


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(SPECS), st.lists(st.integers(1, 9), min_size=1, max_size=12), st.sampled_from([100, 128, 333]))
def test_division_into_calls_changes_no_bit(spec: Spec, parts: list[int], chunk: int) -> None:
    network = Network(spec)
    whole_state = network.start()
    whole = network.step(whole_state, features(INPUT, chunk))
    state, at, steps = network.start(), 0, []
    for part in [*parts, len(INPUT)]:
        data = INPUT[at : at + part * chunk]
        if data:
            steps.append(network.step(state, features(data, chunk)))
        at += part * chunk
    for name in ("states", "mean", "energy", "novelty"):
        assert np.concatenate([getattr(step, name) for step in steps]).tobytes() == getattr(whole, name).tobytes()
    assert state.weights.tobytes() == whole_state.weights.tobytes()
    assert state.usual == whole_state.usual


def test_numbers_are_those_of_other_machines() -> None:
    """Weights are whole-number arithmetic on PCG64's raw output and exact; states agree to 1e-9."""
    spec = Spec(2, 16, Mode.TREE, 3)
    assert hashlib.sha256(Random(3, 1).uniform(100).tobytes()).hexdigest()[:16] == EXPECTED_UNIFORM
    step = Network(spec).step(Network(spec).start(), features(INPUT, 512))
    assert step.novelty[:4] == pytest.approx(EXPECTED_NOVELTY, abs=1e-9)
    assert step.mean[-1] == pytest.approx(EXPECTED_MEAN, abs=1e-9)


@pytest.mark.parametrize("kernels", ["Nehalem", "Haswell"])
def test_weights_do_not_depend_on_how_blas_computes(kernels: str) -> None:
    program = (
        "from streaming.datasets.reservoir import recurrent\n"
        "print([recurrent(seed, 96).weight.tobytes().hex() for seed in range(4)])"
    )
    environment = {**os.environ, "OPENBLAS_CORETYPE": kernels, "OPENBLAS_NUM_THREADS": "1"}
    told = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == str([recurrent(seed, 96).weight.tobytes().hex() for seed in range(4)])


EXPECTED_UNIFORM = "218395ab35cef2cf"
EXPECTED_NOVELTY = [0.5, 0.2062699798921088, 0.1100775009960467, 0.08111052715063634]
EXPECTED_MEAN = [-0.07340626658898694, 0.2988984354189722, -0.35706608959738934]


@pytest.mark.parametrize("mode", Mode)
def test_states_are_those_of_reservoirpy(mode: Mode) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from reservoirpy.nodes import Reservoir

    spec = Spec(3, 24, mode, 11)
    network = Network(spec)
    inputs = features(INPUT, 256)
    states = network.step(network.start(), inputs).states
    before: slice | None = None
    for level in network.levels:
        source = inputs if before is None or mode is Mode.PARALLEL else states[:, before]
        node = Reservoir(
            W=level.own.dense(), Win=level.inward.dense(), bias=level.bias.copy(), lr=level.leak,
            input_dim=source.shape[1], units=level.own.rows,
        )  # fmt: skip
        assert np.abs(np.asarray(node.run(source)) - states[:, level.span]).max() < 1e-12
        before = level.span


def test_units_stay_within_their_bounds_and_forget_where_they_began() -> None:
    """The echo state property: two beginnings end alike under the same input."""
    network = Network(Spec(2, 32))
    inputs = np.tile(features(INPUT, 512), (20, 1))
    one, other = network.start(), network.start()
    other.units = Random(1).signed(other.units.size)
    apart = np.abs(network.step(one, inputs).states - network.step(other, inputs).states).max(axis=1)
    assert apart[0] > 0.01
    assert apart[-1] < 1e-6
    assert np.abs(one.units).max() <= 1.0


def test_what_repeats_is_foreseen_and_what_is_new_stands_out() -> None:
    network = Network(Spec())
    usual = b"temperature 21.5, pressure 1013, all is well. " * 400
    broken = bytes(range(256)) * 2
    data = usual[:16_384] + broken + usual[: 16_384 - 512]
    novelty = network.step(network.start(), features(data, 512)).novelty
    assert int(np.argmax(novelty)) == 32
    assert novelty[32] > 0.9
    assert np.median(novelty) < 0.5
    assert ((novelty >= 0) & (novelty < 1)).all()


def test_a_chunk_of_nothing_but_one_byte_has_features_in_bounds() -> None:
    for data in (b"\0", b"\xff" * 4096, bytes(range(256))):
        row = features(data, 4096)
        assert row.shape == (1, COUNT)
        assert ((row >= 0) & (row <= 1)).all()


def test_the_number_of_taps_fits_the_smallest_reservoir() -> None:
    network = Network(Spec(1, 16))
    assert network.start().weights.shape == (min(16, membranes.TAPS) + 1, COUNT)
