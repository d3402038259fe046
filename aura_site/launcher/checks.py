"""`./aura test`: every check that a change has to pass, and one summary."""

import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from aura_site.launcher import installation
from aura_site.launcher.config import Config
from aura_site.launcher.console import say
from aura_site.launcher.errors import LauncherError

# What is looked through for what is dangerous.
APPS = ("aura_site", "audit", "aura_db", "compression", "routing_ai", "streaming", "aura_client", "manage.py")
# What the summary says of a program that is not there.
NO_BROWSER = "no Chromium: install it (Debian: apt install chromium) or name one in AURA_CHROMIUM"
# Processes that the tests share.
PYTESTS = 3
# All tests run side by side, a module's in one process: much of their time is waiting for servers and for time itself. xdist
# would begin with the modules of most tests, which are quick, and end with the long ones (tests/longest.py).
BY_MODULE = ("--dist", "loadfile", "--no-loadscope-reorder")
# What failed beside other tests is run once more by itself, and named; more than this many are no matter of a busy machine.
FEW = 5
# How pytest ends when all ran and some failed.
TESTS_FAILED = 1
# How a check ends that could not ask whom it has to ask.
NOT_ASKED = os.EX_TEMPFAIL
NO_PROGRAM = {
    "node": "no Node.js: install it (Debian: apt install nodejs)",
    "postgres": "no PostgreSQL: install it (Debian: apt install postgresql)",
}
# What is run on PostgreSQL and Redis too, every time; `./aura test --cluster` runs all that keeps something there.
ON_CLUSTER = (
    "tests/audit/test_erasure.py",
    "tests/audit/test_immutability.py",
    "tests/audit/test_journal.py",
    "tests/aura_db",
    "tests/aura_site/test_backups.py",
    "tests/aura_site/upgrade",
    "tests/routing_ai/test_ledger.py",
    "tests/streaming/test_cluster.py",
    "tests/streaming/test_outages.py",
    "tests/streaming/test_streams.py",
    "tests/streaming/test_topics.py",
)


@dataclass(frozen=True, slots=True)
class Check:
    """A command, and the program of the machine that it cannot do without."""

    name: str
    command: list[str]
    needs: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    # Runs the tests that are named after it; nothing for a check that is not repeated.
    again: list[str] = field(default_factory=list)


def chromium() -> str:
    """Return the browser for the browser tests, empty when there is none."""
    # The shell is the same browser without windows and toolbars, and takes half the time for the tests.
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    return os.environ.get("AURA_CHROMIUM") or next(filter(None, map(shutil.which, names)), "")


def program(name: str) -> str | None:
    """Return the path of a program. Debian keeps PostgreSQL's servers off the path."""
    folders = [os.environ.get("PATH", ""), *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin")))]
    return shutil.which(name, path=os.pathsep.join(folders))


def on_cluster(config: Config, pytest_arguments: list[str]) -> Check:
    """Return the check that runs tests on PostgreSQL and Redis; without arguments all that keep something there."""
    command = [str(config.python), "-m", "tests.cluster", *pytest_arguments]
    return Check("cluster", command, needs="postgres")


def checks(config: Config, pytest_arguments: list[str]) -> list[Check]:
    """Return all checks in their order, the quick ones first."""
    python = str(config.python)
    scripts = config.python.parent
    scripts_js = sorted(str(path.relative_to(config.root)) for path in config.root.glob("tests/js/**/*.test.mjs"))
    quietly = [python, "-W", "ignore", "-m"]
    browser = {"AURA_CHROMIUM": chromium()}
    deselect = [] if browser["AURA_CHROMIUM"] else ["-m", "not browser"]
    spread = [] if pytest_arguments else ["-n", str(PYTESTS), *BY_MODULE]
    return [
        Check("ruff", [str(scripts / "ruff"), "check", "."]),
        Check("format", [str(scripts / "ruff"), "format", "--check", "."]),
        Check("mypy", [str(scripts / "mypy")]),
        Check("imports", [str(scripts / "lint-imports")]),
        Check("django", [python, "manage.py", "check", "--fail-level", "WARNING"]),
        Check("bandit", [*quietly, "bandit", "--quiet", "--recursive", "--severity-level", "high", *APPS]),
        Check("advisories", [python, "-m", "tests.advisories"]),
        Check("migrations", [python, "manage.py", "makemigrations", "--check", "--dry-run"]),
        Check("javascript", ["node", "--test", *scripts_js], needs="node"),
        Check(
            "pytest",
            [python, "-m", "pytest", "--durations=30", *deselect, *spread, *pytest_arguments],
            environment=browser,
            again=[python, "-m", "pytest"] if spread else [],
        ),
        *([] if pytest_arguments else [on_cluster(config, ["-n", "2", *BY_MODULE, *ON_CLUSTER])]),
    ]


def run(config: Config, *, require_all: bool, pytest_arguments: list[str], cluster: bool = False) -> bool:
    """Run all checks, or with `cluster` only the tests on PostgreSQL and Redis; print a summary, and return whether all
    passed. A missing program is a skip, or a failure with `require_all`."""
    installation.prepare(config, development=True)
    config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    results: list[tuple[str, str, float]] = []
    missing_browser = not chromium() and not cluster
    for check in [on_cluster(config, pytest_arguments)] if cluster else checks(config, pytest_arguments):
        begun = time.monotonic()
        if check.needs and not program(check.needs):
            result = f"{'FAILED' if require_all else 'skipped'}: {NO_PROGRAM[check.needs]}"
        else:
            say(f"\n== {check.name}: {' '.join(check.command[:6])}")
            result = _RESULTS.get(_run(config, check, require_all), "FAILED")
        results.append((check.name, result, time.monotonic() - begun))
    if missing_browser:
        results.append(("browser", f"{'FAILED' if require_all else 'skipped'}: {NO_BROWSER}", 0.0))
    say("")
    for name, result, seconds in results:
        say(f"{name:12} {seconds:6.1f} s  {result}")
    if any(result.startswith(("skipped", "NOT RUN")) for _, result, _ in results):
        say("Not everything was checked: see what is skipped or not run above.")
    return not any(result.startswith("FAILED") for _, result, _ in results)


_RESULTS = {0: "passed", NOT_ASKED: "NOT RUN: nobody who knows of vulnerabilities can be reached (see AURA_ADVISORIES)"}


def _run(config: Config, check: Check, require_all: bool) -> int:
    """Run a check and return its exit status; what failed beside other tests counts as it does alone."""
    environment = {
        **config.environment,
        **check.environment,
        "PYTHONWARNINGS": config.environment.get("PYTHONWARNINGS", ""),
    }
    environment["AURA_REQUIRE_ALL"] = "1" if require_all else ""
    try:
        code = subprocess.run(check.command, cwd=config.root, env=environment, check=False).returncode
        if code != TESTS_FAILED or not check.again or not (few := _failed(config)):
            return code
        say(f"\n== once more, with the machine to themselves: {', '.join(few)}")
        return subprocess.run([*check.again, *few], cwd=config.root, env=environment, check=False).returncode
    except FileNotFoundError as error:
        raise LauncherError(f"{check.name} is not installed: remove .venv and start again ({error}).") from None


def _failed(config: Config) -> list[str]:
    """Return the tests that failed in the last run, or nothing when there are too many or when it broke otherwise."""
    record = config.root / ".pytest_cache/v/cache/lastfailed"
    try:
        failed = sorted(json.loads(record.read_text()))
    except (OSError, ValueError):
        return []
    return failed if len(failed) <= FEW else []
