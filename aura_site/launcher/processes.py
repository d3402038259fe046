"""Processes that AURA started: begun, found again, ended."""

import errno
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from aura_site import dotenv
from aura_site.launcher.config import Config
from aura_site.launcher.errors import LauncherError

STOP_PATIENCE = 15.0  # seconds between TERM and KILL
READY_PATIENCE = 90.0
# The name under which the process is remembered that looks after the parts.
LAUNCHER = "launcher"


@dataclass(frozen=True, slots=True)
class Child:
    """A running part. `began` tells it from a stranger that got its number later; `restarts` counts how often it has been
    started again since `up`."""

    name: str
    pid: int
    began: str
    restarts: int = 0
    # Where people reached AURA when it was started, and where the server listens.
    address: str = ""
    host: str = ""
    port: int = 0

    def alive(self) -> bool:
        return bool(self.began) and _began(self.pid) == self.began


def _began(pid: int) -> str:
    """Return when a process started, in the kernel's words; empty when there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return _began_elsewhere(pid)
    return "" if fields[0] == "Z" else fields[19]


def _began_elsewhere(pid: int) -> str:
    if Path("/proc/self/stat").exists():
        return ""
    told = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return told.stdout.strip()


def server_command(config: Config, *, reload: bool = False) -> list[str]:
    """Return the command of the server that AURA_SERVER names; only uvicorn reloads."""
    address = ["--host", config.host, "--port", str(config.port)]
    if config.server == "daphne" and not reload:
        return [str(config.python), "-m", "aura_site.daphne_server", *address]
    # Longer than the drain: answers may take five seconds to end, then those that go on elsewhere are handed over.
    command = [
        str(config.python), "-m", "uvicorn", "aura_site.asgi:application", *address,
        "--http", "aura_site.uvicorn_protocols:HttpProtocol", "--ws", "aura_site.uvicorn_protocols:WebSocketProtocol",
        "--ws-per-message-deflate", "false", "--ws-max-size", "1048576",
        # Sessions have heartbeats of their own.
        "--ws-ping-interval", "0",
        "--no-server-header", "--no-access-log", "--timeout-graceful-shutdown", "10",
    ]  # fmt: skip
    return [*command, "--reload", "--reload-dir", str(config.root)] if reload else command


def commands(config: Config, *, reload: bool = False) -> dict[str, list[str]]:
    """Return the command of each part."""
    worker = [
        str(config.python), "-m", "celery", "-A", "aura_site.celery", "worker", "--beat",
        "--schedule", str(config.data / "celerybeat-schedule"),
        "--pool", "threads", "--concurrency", "4", "--loglevel", "WARNING", "--without-gossip", "--without-mingle",
    ]  # fmt: skip
    return {"server": server_command(config, reload=reload), "worker": worker}


def start(config: Config, name: str, command: list[str]) -> "subprocess.Popen[bytes]":
    """Start a part in a session of its own, its output in the log folder."""
    logs = config.data / "logs"
    logs.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (logs / f"{name}.log").open("ab") as log:
        return subprocess.Popen(
            command,
            cwd=config.root,
            env=dict(config.environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def of(name: str, process: "subprocess.Popen[bytes]", restarts: int = 0) -> Child:
    """Return a part that this process has started."""
    return Child(name, process.pid, _began(process.pid), restarts)


def remember(
    config: Config,
    children: "list[tuple[str, subprocess.Popen[bytes]]]",
    *,
    watched: bool = False,
    restarts: Mapping[str, int] | None = None,
) -> None:
    """Write down what runs, for `down` and `status`; with `watched` this process too, which starts it again, and how often
    it did so by the part's name."""
    found = [of(name, process, (restarts or {}).get(name, 0)) for name, process in children]
    found = [replace(child, address=config.address, host=config.host, port=config.port) for child in found]
    if watched:
        found.insert(0, Child(LAUNCHER, os.getpid(), _began(os.getpid())))
    draft = config.data / "processes.json.new"
    draft.write_text(json.dumps([asdict(child) for child in found]))
    draft.replace(config.data / "processes.json")


def remembered(config: Config) -> list[Child]:
    """Return the parts that were started last, whether they live or not."""
    try:
        kept = json.loads((config.data / "processes.json").read_text())
        return [Child(**item) for item in kept]
    except (OSError, ValueError, TypeError):
        return []


def running(config: Config) -> list[Child]:
    """Return the parts that were started and still live."""
    return [child for child in remembered(config) if child.alive()]


def as_started(config: Config) -> Config:
    """Return the configuration with the place where the server that runs was told to listen: that may have stood in the
    environment of another shell."""
    places = [(child.host, child.port) for child in running(config) if child.port]
    return replace(config, host=places[0][0], port=places[0][1]) if places else config


def end_orphans(pid: int) -> None:
    """End what a part that is gone has left: a worker that is killed cannot take its scheduler with it.

    Each part leads a process group of its own. A member counts only when it is one of AURA's commands, so that a group
    number that was given out again harms nobody.
    """
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            group = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[2])
            ours = b"aura_site" in (entry / "cmdline").read_bytes()
        except (OSError, IndexError, ValueError):
            continue
        if group == pid and ours and int(entry.name) != pid:
            with suppress(ProcessLookupError):
                os.kill(int(entry.name), signal.SIGKILL)


def stop(children: list[Child]) -> None:
    """Ask the parts to end, and end those that do not."""
    children = [child for child in children if child.pid != os.getpid()]
    for child in children:
        if child.alive():
            _signal(child, signal.SIGTERM)
    end = time.monotonic() + STOP_PATIENCE
    while any(child.alive() for child in children) and time.monotonic() < end:
        time.sleep(0.05)
    for child in children:
        if child.alive():
            _signal(child, signal.SIGKILL)
        end_orphans(child.pid)


def _signal(child: Child, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(child.pid, number)


def check_port(config: Config) -> None:
    """Raise LauncherError when another program listens where AURA would."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((config.host.strip("[]"), config.port))
        except OSError as error:
            if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
                raise LauncherError(
                    f"AURA_HOST is {config.host!r}, which is no address of this machine: 127.0.0.1 is for itself alone,"
                    " 0.0.0.0 for others too."
                ) from None
            raise LauncherError(
                f"AURA cannot listen on {config.host}:{config.port} ({error.strerror}): "
                "end what uses it, or set AURA_PORT to another port."
            ) from None


def health(config: Config) -> dict[str, object] | None:
    """Return what `/health` says, with its reasons, None when nothing answers."""
    request = urllib.request.Request(f"{config.url}/health")
    with suppress(OSError, dotenv.DotenvError):
        given = dotenv.merged(config.root / ".env", os.environ).get("AURA_OPERATOR_TOKEN")
        request.add_header("AURA-Operator", given or (config.data / "keys" / "operator_token").read_text().strip())
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return dict(json.load(response))
    except urllib.error.HTTPError as error:
        try:
            return dict(json.load(error))
        except ValueError:
            return None
    except (OSError, ValueError):
        return None


def wait_ready(config: Config, children: "list[tuple[str, subprocess.Popen[bytes]]]") -> None:
    """Return when AURA is ready. Raises LauncherError when a part ends before, or it takes too long."""
    end = time.monotonic() + READY_PATIENCE
    state: dict[str, object] | None = None
    while time.monotonic() < end:
        for name, process in children:
            if process.poll() is not None:
                raise LauncherError(f"The {name} ended at once: {log_tail(config, name)}")
        state = health(config)
        if state and state.get("ready"):
            return
        time.sleep(0.1)
    raise LauncherError(f"AURA did not get ready in {READY_PATIENCE:.0f} s: {_unready(state)}")


def _unready(state: dict[str, object] | None) -> str:
    checks = state.get("checks") if state else None
    if not isinstance(checks, dict):
        return "the server does not answer; see the logs folder."
    bad = [f"{name}: {check.get('message', 'not well')}" for name, check in checks.items() if not check["ok"]]
    return "; ".join(bad) or "no reason was given."


def log_tail(config: Config, name: str) -> str:
    """Return the last line that a part wrote, and where the others are."""
    path = config.data / "logs" / f"{name}.log"
    try:
        lines = [line for line in path.read_text(errors="replace").splitlines() if line.strip()]
    except OSError:
        lines = []
    return f"{lines[-1].strip() if lines else 'it wrote nothing'} (all of it: {path})"
