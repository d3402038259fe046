"""A lock whose waiters get it in the order in which they came, each from the one before."""

import os
import threading
from collections import deque


class Gate:
    """Lets one in at a time. `enter` and `leave` may be called by different threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Event] = deque()

    def enter(self, timeout: float) -> bool:
        """Return True when it is the caller's turn, False when that did not come within `timeout` seconds."""
        with self._lock:
            if not self._taken:
                self._taken = True
                return True
            turn = threading.Event()
            self._waiting.append(turn)
        if turn.wait(timeout):
            return True
        with self._lock:
            if turn.is_set():
                return True
            self._waiting.remove(turn)
            return False

    def leave(self) -> None:
        """Let the next one in."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._taken = False


_gates: dict[str, Gate] = {}
# A child process has none of the threads that stand inside or wait.
os.register_at_fork(after_in_child=_gates.clear)


def gate(name: str) -> Gate:
    """Return the gate of a database, by its name."""
    return _gates.setdefault(name, Gate())
