"""`up`, `down`, `status`, `dev`: the life of AURA's processes."""

import fcntl
import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, NoReturn

from aura_site.launcher import installation, processes
from aura_site.launcher.config import Config
from aura_site.launcher.console import complain, say, step
from aura_site.launcher.errors import LauncherError
from aura_site.launcher.stopping import asked

RESTARTS_A_MINUTE = 5
Children = list[tuple[str, "subprocess.Popen[bytes]"]]


@contextmanager
def only_one(config: Config) -> Iterator[None]:
    """Hold the data folder: two launchers at once would start everything twice."""
    try:
        config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (config.data / "launcher.lock").open("w")
    except OSError as error:
        raise LauncherError(
            f"The data folder {config.data} cannot be written ({error.strerror}): mend that, or set AURA_DATA_DIR."
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise LauncherError(
                "Another ./aura is starting or running AURA here: use ./aura status or ./aura down."
            ) from None
        yield


def manage(config: Config, *arguments: str) -> str:
    """Run a management command and return what it prints. Raises LauncherError with its last line."""
    done = subprocess.run(
        [str(config.python), "manage.py", *arguments],
        cwd=config.root,
        env=dict(config.environment),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        words = lines[-1] if lines else "no reason was given"
        if "No space left" in done.stderr or "disk is full" in done.stderr:
            raise LauncherError(f"The disk is full: make room in {config.data} and start again.")
        raise LauncherError(f"{arguments[0]} failed: {words}")
    return done.stdout


def up(config: Config, *, detach: bool) -> None:
    """Install, migrate, start, wait until ready, say where; then watch over the parts, or leave with `detach`."""
    with only_one(config):
        if processes.running(config):
            raise LauncherError(
                f"AURA runs already at {config.url}: use ./aura link to sign in, ./aura down to stop it."
            )
        processes.check_port(config)
        installation.prepare(config)
        with step("Preparing the database"):
            first = _bootstrap(config)
        with _started(config) as children:
            say("")
            say(f"AURA is ready at {config.url}")
            if first.get("password"):
                say(f"Administrator: {first['user']}   one-time password: {first['password']}")
            say(f"Sign in (once, within an hour): {config.url}{first['link']}")
            if detach:
                return
            say("Press Ctrl-C to stop.")
            _watch(config, children)


def _bootstrap(config: Config) -> dict[str, Any]:
    lines = manage(config, "bootstrap").strip().splitlines()
    return dict(json.loads(lines[-1]))


@contextmanager
def _started(config: Config, *, reload: bool = False) -> Iterator[Children]:
    """Start all parts and wait until they are ready; whatever breaks the block off ends them."""
    children: Children = []
    try:
        with step("Starting server and worker"):
            for name, command in processes.commands(config, reload=reload).items():
                with asked.held():
                    children.append((name, processes.start(config, name, command)))
                    processes.remember(config, children)
            processes.wait_ready(config, children)
        yield children
    except BaseException:
        processes.stop(processes.running(config))
        raise


def _watch(config: Config, children: Children) -> None:
    """Start again what dies, until a signal asks to stop."""
    deaths: list[float] = []
    processes.remember(config, children, watched=True)
    with suppress(SystemExit), asked.held():
        while not asked.number:
            time.sleep(0.2)
            for place, (name, process) in enumerate(children):
                if process.poll() is None or asked.number:
                    continue
                deaths = [*(moment for moment in deaths if moment > time.monotonic() - 60), time.monotonic()]
                if len(deaths) > RESTARTS_A_MINUTE:
                    raise LauncherError(f"The {name} keeps dying, so AURA stops: {processes.log_tail(config, name)}")
                processes.end_orphans(process.pid)
                complain(f"The {name} ended with status {process.returncode}; starting it again.")
                children[place] = (name, processes.start(config, name, processes.commands(config)[name]))
                processes.remember(config, children, watched=True)
    say("Stopping ...")
    processes.stop(processes.running(config))


def down(config: Config) -> None:
    """Stop what `up` started."""
    for child in processes.remembered(config):
        if not child.alive():
            processes.end_orphans(child.pid)
    children = processes.running(config)
    if not children:
        say("AURA does not run.")
        return
    with step("Stopping " + " and ".join(child.name for child in children)):
        processes.stop(children)


def status(config: Config) -> bool:
    """Say what runs and how it is; return whether all is well."""
    children = processes.running(config)
    for child in children:
        say(f"{child.name:14} runs, process {child.pid}")
    state = processes.health(config) if children else None
    checks = state.get("checks") if state else None
    if not isinstance(checks, dict):
        say("AURA does not run." if not children else f"{config.url} does not answer.")
        return False
    for name, check in checks.items():
        say(f"{name:14} {'well' if check['ok'] else 'NOT WELL'}: {check.get('message', '')}")
    say(f"{'address':14} {config.url}")
    return bool(state and state.get("ready"))


def link(config: Config) -> None:
    """Print another sign-in link."""
    say(config.url + str(_bootstrap(config)["link"]))


def become(config: Config, part: str, arguments: list[str]) -> NoReturn:
    """Go over into one part: the server, the worker, or a command of manage.py. Nothing is installed or looked after:
    whoever started this process does that. Does not return; raises LauncherError when there is nothing to run with."""
    if part == "manage":
        command = [str(config.python), "manage.py", *arguments]
    elif arguments:
        raise LauncherError(f"The {part} takes no arguments; its settings come from the environment.")
    else:
        command = processes.commands(config)[part]
    if not config.python.exists():
        raise LauncherError(f"There is no Python at {config.python}: run ./aura up once, or set AURA_VENV.")
    os.chdir(config.root)
    os.execve(command[0], command, dict(config.environment))


def dev(config: Config, *, dry_run: bool = False) -> None:
    """Run with reload and DEBUG; `.env` stays as it is. With `dry_run` only say what would run."""
    config = replace(config, environment={**config.environment, "AURA_DEBUG": "true"})
    if dry_run:
        say("AURA_DEBUG=true, in the environment of these alone:")
        for command in processes.commands(config, reload=True).values():
            say(" ".join(command))
        return
    with only_one(config):
        processes.check_port(config)
        installation.prepare(config, development=True)
        first = _bootstrap(config)
        with _started(config, reload=True) as children:
            say(f"AURA reloads at {config.url}{first['link']}   logs: {config.data / 'logs'}")
            _watch(config, children)
