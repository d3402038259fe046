"""TERM, HUP and Ctrl-C: whatever the launcher does then, it ends what it started and goes."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Request:
    """Whether a signal asks this process to stop. Outside `held` it raises SystemExit where the process stands."""

    def __init__(self) -> None:
        self.number = 0
        self._holds = 0

    def catch(self) -> None:
        """Listen to the signals. HUP stays ignored for one who started with nohup."""
        for number in _NUMBERS:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._heard)

    def _heard(self, number: int, _frame: FrameType | None) -> None:
        first = not self.number
        self.number = number
        # A second signal must not break off the cleaning up that the first one began.
        if first and not self._holds:
            raise SystemExit(128 + number)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let the block come to its end; SystemExit follows it."""
        self._holds += 1
        before = self.number
        try:
            yield
        finally:
            self._holds -= 1
        if self.number and not before and not self._holds:
            raise SystemExit(128 + self.number)


asked = Request()
