"""How long Python's search for cycles takes, and that it finds what there is all the same."""

import subprocess
import sys
from textwrap import dedent

from tests.live import ROOT

# In a process of its own: what Python has in sight is one thing for all that runs there.
BEGIN = """
import gc
from streaming import cycles as module
from streaming.cycles import Cycles

class Node:
    alive = 0
    def __init__(self):
        self.self = self
        Node.alive += 1
    def __del__(self):
        Node.alive -= 1

module.COLLECT = (100, 2, 1)
module.GROWN = 5_000
cycles = Cycles()
cycles.begin()
begun = gc.get_freeze_count()
looked = []
gc.callbacks.append(lambda phase, info: looked.append(info) if info["generation"] == 2 and phase == "stop" else None)
"""


def run(code: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + dedent(code)], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr


def test_what_rests_is_looked_at_once() -> None:
    run("""
        resting = [[] for _ in range(50_000)]
        assert len(looked) > 20
        assert gc.get_freeze_count() - begun > 49_000
        in_sight = sum(len(gc.get_objects(generation)) for generation in range(3))
        assert in_sight < 2_000, in_sight
    """)


def test_what_comes_and_goes_leaves_little() -> None:
    run("""
        for _ in range(5_000):
            passing = [Node() for _ in range(10)]
        # Each search takes out of sight what is being made just then.
        assert gc.get_freeze_count() - begun < 10 * 3 * len(looked) < 5_000
    """)


def test_garbage_out_of_sight_is_looked_for_in_a_quiet_moment_or_when_it_is_too_much() -> None:
    run("""
        def leave(count):
            nodes = [Node() for _ in range(count)]
            gc.collect()

        def look(quiet):
            cycles._searches = module.SEARCHES
            cycles.keep_house(lambda: quiet)

        much = max(module.GROWN, cycles._known)
        count = much * 3 // 2
        leave(count)
        look(False)
        assert Node.alive == count
        cycles.keep_house(lambda: True)
        assert Node.alive == count, "it was looked for at once again"
        look(True)
        assert Node.alive == 0
        assert gc.get_freeze_count() - begun < much / 10

        leave(3 * much)
        look(False)
        assert Node.alive == 0
    """)


def test_the_end_gives_everything_back() -> None:
    run("""
        resting = [Node() for _ in range(5_000)]
        assert gc.get_threshold() == (100, 2, 1)
        cycles.end()
        assert gc.get_threshold() != (100, 2, 1)
        assert gc.get_freeze_count() == 0
        gc.collect()
        assert gc.get_freeze_count() == 0
        cycles.end()
    """)
