"""Runs of discovery in processes of their own: two at once, killed, cancelled; with no broker anywhere."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live import ROOT, LiveServer

FILL = """
import random
from compression.models import Sample
from tests.compression.test_discovery import prose, traffic
rows = [Sample(user=user, text=text) for user, text in [*traffic(1_500), *prose(1_000)]]
random.Random(1).shuffle(rows)
Sample.objects.bulk_create(rows, batch_size=500)
"""
RUNS = """
import json
from compression.models import Candidate, DiscoveryRun
rows = DiscoveryRun.objects.order_by("pk").values("pk", "status", "done", "total", "owner", "error")
print(json.dumps({"runs": list(rows), "candidates": Candidate.objects.count(),
                  "states": DiscoveryRun.objects.exclude(state=None).count()}))
"""
# Waits for a run behind others to be at work, and says so; then may cancel it.
WATCH = """
import time
from compression import runs
from compression.models import DiscoveryRun
print("ready", flush=True)
while not (found := DiscoveryRun.objects.filter(pk__gt={after}, done__gt=0).first()):
    time.sleep(0.02)
print(runs.cancel(found) if {cancel} else "at work", flush=True)
"""
# As long as its last sign of life is a young one.
TAKEN = """
from django.utils import timezone
from compression import runs
from compression.models import DiscoveryRun
DiscoveryRun.objects.update(beat=timezone.now())
print(runs.begin())
"""
# As if 90 seconds had gone by since the worker was killed.
SILENCE = """
from datetime import timedelta
from django.utils import timezone
from compression.models import DiscoveryRun
DiscoveryRun.objects.filter(status="running").update(beat=timezone.now() - timedelta(hours=1))
"""


@pytest.fixture
def place(tmp_path: Path) -> LiveServer:
    """A data folder with 2,500 samples, on which no server runs."""
    live = LiveServer(tmp_path)
    live.manage("shell", "--verbosity=0", "-c", FILL)
    return live


def begun(place: LiveServer, *arguments: str) -> subprocess.Popen[str]:
    """Begin a management command in another process."""
    command = [sys.executable, "manage.py", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen(command, cwd=ROOT, env=place.environment, text=True, **pipes)  # type: ignore[call-overload, no-any-return]


def watched(place: LiveServer, after: int, cancel: bool = False) -> tuple[subprocess.Popen[str], str]:
    """Begin to discover, and return when the run is at work: its process, and what whoever watched it said."""
    watcher = begun(place, "shell", "--verbosity=0", "-c", WATCH.format(after=after, cancel=cancel))
    assert watcher.stdout is not None
    assert watcher.stdout.readline() == "ready\n"
    process = begun(place, "discover")
    said = watcher.communicate(timeout=120)[0]
    return process, said.strip()


def look(place: LiveServer) -> dict[str, object]:
    return dict(json.loads(place.manage("shell", "--verbosity=0", "-c", RUNS).strip().splitlines()[-1]))


def test_of_two_runs_at_once_there_is_one(place: LiveServer) -> None:
    processes = [begun(place, "discover") for _ in range(2)]
    said = [process.communicate(timeout=120)[0] for process in processes]
    seen = look(place)
    assert [one["status"] for one in seen["runs"]] == ["done"] * sum("new candidates" in text for text in said)  # type: ignore[attr-defined]
    assert any("new candidates" in text for text in said)
    assert all("new candidates" in text or "A run is at work already" in text for text in said)


def test_a_killed_run_is_gone_on_with_and_a_cancelled_one_leaves_nothing(place: LiveServer) -> None:
    process, said = watched(place, after=0)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert said == "at work"
    before = look(place)
    (killed,) = before["runs"]  # type: ignore[misc]
    assert killed["status"] == "running"
    assert 0 < killed["done"] <= killed["total"]
    # Nobody takes it from a worker that may live still.
    assert "None" in place.manage("shell", "--verbosity=0", "-c", TAKEN)
    place.manage("shell", "--verbosity=0", "-c", SILENCE)
    assert "new candidates" in place.manage("discover")
    after = look(place)
    (run,) = after["runs"]  # type: ignore[misc]
    assert (run["pk"], run["status"], run["done"]) == (killed["pk"], "done", killed["total"])
    assert run["owner"] != killed["owner"]
    assert after["candidates"]
    assert not after["states"]

    process, said = watched(place, after=killed["pk"], cancel=True)
    assert said == "True"
    assert "Cancelled" in process.communicate(timeout=60)[0]
    last = look(place)
    assert last["runs"][-1]["status"] == "cancelled"  # type: ignore[index]
    assert last["candidates"] == after["candidates"]
    assert not last["states"]


def test_without_a_broker_the_admin_says_so_and_answers_are_sampled(tmp_path: Path) -> None:
    code = "from compression import tasks; print(tasks.ask())"
    nobody = {"REDIS_URL": "redis://127.0.0.1:1/0"} if "REDIS_URL" not in os.environ else {}
    place = LiveServer(tmp_path)
    environment = {**place.environment, **nobody}
    command = [sys.executable, "manage.py", "shell", "--verbosity=0", "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip().splitlines()[-1] == "False"
