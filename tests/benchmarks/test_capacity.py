"""The capacity model: what a demand takes, from what things cost."""

from dataclasses import replace

import pytest

from benchmarks.capacity import Costs, Demand, needs

COSTS = Costs(
    process_mb=100,
    connection_kb=40,
    heartbeat_us=100,
    question_ms=10,
    token_us=400,
    rows_per_answer=4,
    rows_per_second=16,
)
DEMAND = Demand(
    connections=36_000, questions_per_hour=10, tokens=100, seconds=5, peak=1, heartbeat_s=30, utilization=0.5,
    connections_per_process=20_000, rows_per_database_s=5_000, spare=0,
)  # fmt: skip


def test_it_adds_up() -> None:
    found = needs(COSTS, DEMAND)
    assert found.questions_s == pytest.approx(100)
    assert found.streams == pytest.approx(500)
    assert found.tokens_s == pytest.approx(10_000)
    # 1,200 heartbeats of 0.1 ms, 100 questions of 10 ms, 10,000 tokens of 0.4 ms a second.
    assert found.cores == pytest.approx(0.12 + 1.0 + 4.0)
    assert (found.processes, found.bound_by) == (11, "processor time")
    assert found.memory_gb == pytest.approx(11 * 0.1 + 36_000 * 40e-6)
    assert found.rows_s == pytest.approx(100 * (4 + 16 * 5))
    assert found.databases == 2


def test_quiet_connections_are_bound_by_what_a_process_takes() -> None:
    found = needs(COSTS, replace(DEMAND, questions_per_hour=0.01, connections=100_000))
    assert (found.processes, found.bound_by) == (5, "connections of a process")
    assert needs(COSTS, replace(DEMAND, questions_per_hour=0.01, connections=100_000, spare=5)).processes == 10


@pytest.mark.parametrize("name", ["connections", "questions_per_hour", "tokens", "peak"])
def test_more_of_anything_never_takes_less(name: str) -> None:
    more = needs(COSTS, replace(DEMAND, **{name: getattr(DEMAND, name) * 3}))
    less = needs(COSTS, DEMAND)
    assert more.cores >= less.cores
    assert more.processes >= less.processes
    assert more.memory_gb >= less.memory_gb
