"""Python's search for garbage that reference counts do not free, kept short.

A search through everything costs by what there is, not by what it finds: 5,000 sessions that rest are 600,000 objects, and
the process stands still for a second. So what has survived one such search is taken out of the next one's sight
(`gc.freeze`). Nearly all of it is freed by its reference count all the same; the rest is looked for in a moment in which
nobody reads anything.

From Python 3.14 on searches are made in small steps anyway, and nothing of this happens.
"""

import gc
from collections.abc import Callable
from typing import Any

# What is made before Python looks among the young, after how many times of that among the middle-aged, after how many of
# those among all that is in sight: some 30,000 objects, a few hundredths of a second.
COLLECT = (5_000, 2, 1)
# Searches between two looks at how much is out of sight: to count it takes milliseconds.
SEARCHES = 10
# Objects that may go out of sight before there is a search for them, or as many as the last one left, if those are more: in
# a quiet moment, and, twice as many, in any. A million takes some 0.7 s, and 100 MB.
GROWN = 2_000_000


class Cycles:
    """What is in sight of the search, in this process."""

    def __init__(self) -> None:
        self._searches = 0
        self._known = 0
        self._before = gc.get_threshold()

    def begin(self) -> None:
        """Take what was imported out of sight, and from now on what rests."""
        gc.set_threshold(*COLLECT)
        if self._on_search not in gc.callbacks:
            gc.callbacks.append(self._on_search)
        self.search()

    def end(self) -> None:
        """Take nothing more out of sight."""
        if self._on_search in gc.callbacks:
            gc.callbacks.remove(self._on_search)
            gc.set_threshold(*self._before)
            gc.unfreeze()

    def _on_search(self, phase: str, info: dict[str, Any]) -> None:
        if phase == "stop" and info["generation"] == 2:
            gc.freeze()
            self._searches += 1

    def search(self) -> None:
        """Search through everything: the process stands still meanwhile."""
        gc.unfreeze()
        gc.collect()
        # Python waits with the next search until there is a quarter more than the last one left in sight: nothing now.
        gc.collect()
        self._searches = 0
        self._known = gc.get_freeze_count()

    def keep_house(self, quiet: Callable[[], bool]) -> None:
        """Search through everything when much has gone out of sight and nobody notices, or far too much."""
        if self._searches < SEARCHES:
            return
        self._searches = 0
        count = gc.get_freeze_count()
        # What has been freed since is no reason to leave as much garbage there.
        self._known = min(self._known, count)
        grown, much = count - self._known, max(GROWN, self._known)
        if grown > 2 * much or (grown > much and quiet()):
            self.search()


cycles = Cycles()
