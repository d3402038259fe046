"""Each target of tests/fuzz.py for a moment, and one with a fault."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz_targets import SEEDS, TARGETS

pytest.importorskip("atheris", reason="atheris has no wheel for this Python")


def _run(target: str, folder: Path, runs: int) -> subprocess.CompletedProcess[str]:
    # What libFuzzer writes about a fault goes into the folder that it runs in.
    command = [sys.executable, "-m", "tests.fuzz", target, f"-runs={runs}", "-seed=7", f"-artifact_prefix={folder}/"]
    # The seeds go where temporary files do; libFuzzer ends the process, so nobody there could clear them away.
    seeds = folder.with_name(f"{folder.name}-seeds")
    seeds.mkdir()
    environment = {**os.environ, "TMPDIR": str(seeds)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)


@pytest.mark.parametrize("target", [name for name in TARGETS if name != "fault"])
def test_any_bytes_end_well(target: str, tmp_path: Path) -> None:
    done = _run(target, tmp_path, 2000)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Done 2000 runs" in done.stderr


def test_a_fault_is_found(tmp_path: Path) -> None:
    done = _run("fault", tmp_path, 1_000_000)
    assert done.returncode != 0
    assert [path.read_bytes()[:2] for path in tmp_path.iterdir()] == [b"AU"]


@pytest.mark.parametrize(("target", "seed"), [(name, seed) for name, seeds in SEEDS.items() for seed in seeds])
def test_a_seed_is_taken(target: str, seed: bytes) -> None:
    TARGETS[target](seed)


def test_without_a_name_the_targets_are_named() -> None:
    done = subprocess.run([sys.executable, "-m", "tests.fuzz"], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode != 0
    assert "payload, pieces, manifest" in done.stderr
