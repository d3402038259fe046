"""How many cores this process may use: in a container with a quota fewer than the machine has."""

import os
from collections.abc import Iterator
from pathlib import Path

# Where Linux says which control group a process is in, and what each may use (cgroup v2).
OWN, GROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


def usable_cores() -> int:
    """Return the cores that the process may run on, at least 1; with a quota as many as it stands for, rounded down.

    A quota is what `cpu.max` says, microseconds of processor time and those of a period, of its control group or one above
    it (Linux, Control Group v2, "CPU Interface Files").
    """
    affinity = getattr(os, "sched_getaffinity", None)
    count = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    return max(1, min([count, *_quotas()]))


def _quotas() -> Iterator[int]:
    """Yield the cores that the control groups of the process allow, those that set no limit left out."""
    try:
        line = next(line for line in OWN.read_text().splitlines() if line.startswith("0::"))
    except (OSError, StopIteration):
        return
    folder = GROUPS / line.removeprefix("0::").lstrip("/")
    while folder.is_relative_to(GROUPS):
        try:
            quota, period = (folder / "cpu.max").read_text().split()
            if quota != "max":
                yield int(quota) // int(period)
        except (OSError, ValueError, ZeroDivisionError):
            pass  # the topmost group has none
        if folder == GROUPS:
            return
        folder = folder.parent
