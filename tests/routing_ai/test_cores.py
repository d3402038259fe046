"""Cores: what the machine has, what the process may run on, and the quotas of its control groups."""

import os
from pathlib import Path

import pytest

from routing_ai import cores


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the process sixteen cores and a control group `/pods/aura` of a tree that the test writes."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(16)), raising=False)
    monkeypatch.setattr(cores, "OWN", tmp_path / "cgroup")
    monkeypatch.setattr(cores, "GROUPS", tmp_path / "groups")
    (tmp_path / "cgroup").write_text("1:name=systemd:/\n0::/pods/aura\n")
    (tmp_path / "groups" / "pods" / "aura").mkdir(parents=True)
    return tmp_path / "groups"


def test_without_a_quota_all_that_it_may_run_on(groups: Path) -> None:
    assert cores.usable_cores() == 16
    (groups / "pods" / "aura" / "cpu.max").write_text("max 100000\n")
    assert cores.usable_cores() == 16


@pytest.mark.parametrize(("quota", "wanted"), [("400000 100000", 4), ("250000 100000", 2), ("50000 100000", 1)])
def test_a_quota_counts_wherever_it_stands(groups: Path, quota: str, wanted: int) -> None:
    for folder in (groups / "pods" / "aura", groups / "pods", groups):
        place = folder / "cpu.max"
        place.write_text(quota)
        assert cores.usable_cores() == wanted
        place.unlink()


def test_the_tightest_quota_counts(groups: Path) -> None:
    (groups / "pods" / "cpu.max").write_text("300000 100000")
    (groups / "pods" / "aura" / "cpu.max").write_text("1000000 100000")
    assert cores.usable_cores() == 3


@pytest.mark.parametrize("text", ["", "many", "100000", "max", "100000 0"])
def test_what_says_nothing_counts_for_nothing(groups: Path, text: str) -> None:
    (groups / "pods" / "aura" / "cpu.max").write_text(text)
    assert cores.usable_cores() == 16


def test_a_machine_without_control_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "OWN", tmp_path / "nothing")
    assert 1 <= cores.usable_cores() <= (os.cpu_count() or 1)
