"""How long Python's search for cycles takes, and that it finds what there is all the same."""

import subprocess
import sys
from textwrap import dedent

from tests.live import ROOT

# In a process of its own: what Python has in sight is one thing for all that runs there.
BEGIN = """
import gc, weakref
from streaming import cycles as module
from streaming.cycles import Cycles

class Node:
    def __init__(self):
        self.self = self

module.COLLECT = (100, 2, 1)
module.GROWN_QUIET, module.GROWN = 5_000, 20_000
cycles = Cycles()
cycles.begin()
begun = gc.get_freeze_count()
looked = []
gc.callbacks.append(lambda phase, info: looked.append(info) if info["generation"] == 2 and phase == "stop" else None)
"""


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + dedent(code)], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    return done.stdout


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
        def rest(count):
            nodes = [Node() for _ in range(count)]
            gc.collect()
            gc.collect()
            return nodes

        def seen_alive(count):
            nodes = rest(count)
            refs = [weakref.ref(node) for node in nodes]
            del nodes
            return lambda: sum(node() is not None for node in refs)

        # The class and the list count, too: about two objects a node.
        alive = seen_alive(4_000)
        cycles._searches = module.SEARCHES
        cycles.keep_house(quiet=False)
        assert alive() == 4_000
        cycles._searches = module.SEARCHES
        cycles.keep_house(quiet=True)
        assert alive() == 0
        assert gc.get_freeze_count() - begun < 5_000

        alive = seen_alive(30_000)
        cycles._searches = module.SEARCHES
        cycles.keep_house(quiet=False)
        assert alive() == 0
    """)


def test_the_end_gives_everything_back() -> None:
    run("""
        resting = [Node() for _ in range(5_000)]
        cycles.end()
        assert gc.get_freeze_count() == 0
        gc.collect()
        assert gc.get_freeze_count() == 0
        cycles.end()
    """)
