"""Whose turn it is at an engine that works for one speaker at a time."""

from collections import OrderedDict, deque
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

Job = TypeVar("Job")

#: Jobs of one speaker that may wait.
LIMIT: Final = 16


class FairQueue(Generic[Job]):
    """Speakers in turn, each with jobs in order.

    A passing job (a partial transcript) gives way: to a newer one of its speaker, and to any other job of anybody.
    """

    def __init__(self) -> None:
        self._waiting: OrderedDict[Hashable, deque[Job]] = OrderedDict()
        self._passing: OrderedDict[Hashable, Job] = OrderedDict()

    def __len__(self) -> int:
        return sum(len(jobs) for jobs in self._waiting.values()) + len(self._passing)

    def put(self, speaker: Hashable, job: Job, *, passing: bool = False) -> list[Job]:
        """Add a job; return those that will not be done for it: the passing one before it, or itself when LIMIT wait."""
        gone = [self._passing.pop(speaker)] if speaker in self._passing else []
        if passing:
            self._passing[speaker] = job
            return gone
        jobs = self._waiting.setdefault(speaker, deque())
        if len(jobs) >= LIMIT:
            return [*gone, job]
        jobs.append(job)
        return gone

    def take(self) -> Job | None:
        """Return the next job, None when there is none."""
        if self._waiting:
            speaker, jobs = self._waiting.popitem(last=False)
            job = jobs.popleft()
            if jobs:
                self._waiting[speaker] = jobs
            return job
        return self._passing.popitem(last=False)[1] if self._passing else None

    def forget(self, speaker: Hashable) -> list[Job]:
        """Drop and return the jobs of a speaker."""
        passing = [self._passing.pop(speaker)] if speaker in self._passing else []
        return [*self._waiting.pop(speaker, ()), *passing]
