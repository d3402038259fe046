"""Looking after the parts: what dies is started again, what they write stays bounded. Pure but for `trim`."""

import os
import shutil
from pathlib import Path

# Seconds that a part waits before it is started again: none after its first death, then the double of the time before.
FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0
# A part that lived so many seconds was well; its next death counts as its first.
WELL_AFTER = 120.0
# Bytes of a log file; one of that size is put aside as `NAME.log.1`, in the place of the one before.
LOG_LIMIT = 16 * 1024 * 1024


class Backoff:
    """When a part that died may be started again, on a clock of seconds that never goes back."""

    def __init__(self, began: float) -> None:
        self._began = began
        self._wait = 0.0

    def died(self, now: float) -> float:
        """Return the seconds to wait before it is started again, from 0 to LONGEST_WAIT."""
        if now - self._began >= WELL_AFTER:
            self._wait = 0.0
        wait = self._wait
        self._wait = min(LONGEST_WAIT, wait * 2 or FIRST_WAIT)
        self._began = now + wait
        return wait


def trim(log: Path, limit: int = LOG_LIMIT) -> bool:
    """Put a log aside that has reached `limit` bytes, and empty it where it stands; return whether it had.

    Who writes it goes on with the same file. Lines of the instant between are lost. Raises OSError.
    """
    if not log.exists() or log.stat().st_size < limit:
        return False
    draft = log.with_suffix(".log.new")
    shutil.copyfile(log, draft)
    draft.chmod(0o600)
    os.truncate(log, 0)
    draft.replace(log.with_suffix(".log.1"))
    return True
