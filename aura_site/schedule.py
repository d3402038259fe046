"""The scheduler's memory: when each task was sent last, in one file that is open only while it is read or written.

Celery keeps it in a `shelve`. From Python 3.13 on that is an SQLite database, open as long as the scheduler lives, in a
process that was forked from one with connections and forgot their descriptors: what is tidied up later closes by its number
what has it now. When that was the database, the scheduler died ("locking protocol"). Nor does its log work on a network's
file system, where a volume may be that several machines share, nor does one Python read what another wrote.
"""

import logging
import pickle  # nosec B403
from pathlib import Path
from typing import Any

from celery.beat import PersistentScheduler

log = logging.getLogger(__name__)


class Memory(dict[str, Any]):
    """What a file holds. One that cannot be read counts as empty: each task is due a full interval later, once."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        try:
            # It lies where the keys do.
            self.update(pickle.loads(path.read_bytes()))  # nosec B301
        except FileNotFoundError:
            pass
        except Exception as error:
            log.warning("the schedule in %s begins anew: %s", path, type(error).__name__)

    def sync(self) -> None:
        """Write it, whole or not at all. A disk that is full ends no scheduler: the times are here."""
        draft = self._path.with_name(f"{self._path.name}.new")
        try:
            draft.write_bytes(pickle.dumps(dict(self)))
            draft.replace(self._path)
        except OSError as error:
            log.warning("the schedule cannot be written: %s", error)

    def close(self) -> None:
        """Write it a last time."""
        self.sync()


class Scheduler(PersistentScheduler):
    """Celery's own, with another memory, and for a clock that may be set back."""

    schedule_filename: str

    def tick(self, *given: Any, **named: Any) -> float:
        """Send what is due. What was sent in a time that is yet to come counts as sent now: Celery itself would send nothing
        until the clock is there again, were it years, and a new start would not help."""
        for entry in self.schedule.values():
            now = entry.default_now()
            if entry.last_run_at and entry.last_run_at > now:
                entry.last_run_at = now
                self._heap = None
        return super().tick(*given, **named)

    def _open_schedule(self) -> Memory:
        return Memory(Path(self.schedule_filename))
