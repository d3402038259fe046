"""`up`, `down`, `status`, `dev`: the life of AURA's processes."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, NoReturn

from aura_site.launcher import installation, processes
from aura_site.launcher.config import UNKNOWN, Config, given
from aura_site.launcher.console import complain, say, step
from aura_site.launcher.errors import LauncherError, explained
from aura_site.launcher.stopping import asked
from aura_site.launcher.watching import FIRST_WAIT, Backoff, trim

# Before what a management command says to people, and not of itself.
_SENTENCE = "CommandError: "
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
            _refuse_twice(config)
            raise LauncherError(
                "Another ./aura is starting or running AURA here: use ./aura status or ./aura down."
            ) from None
        yield


def _refuse_twice(config: Config) -> None:
    """Raise LauncherError when AURA runs already."""
    if children := processes.running(config):
        where = children[-1].address or config.address
        raise LauncherError(f"AURA runs already at {where}: use ./aura link to sign in, ./aura down to stop it.")


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
        # What is one line was written for people.
        if words.startswith(_SENTENCE) or len(lines) == 1:
            raise LauncherError(words.removeprefix(_SENTENCE))
        raise LauncherError(f"{arguments[0]} failed: {words}")
    return done.stdout


def up(config: Config, *, detach: bool) -> None:
    """Install, migrate, start, wait until ready, say where; then look after the parts, with `detach` in a process that
    stays behind."""
    with only_one(config):
        _refuse_twice(config)
        processes.check_port(config)
        installation.prepare(config)
        with step("Preparing the database"):
            first = _bootstrap(config)
        if backup := first.get("backup"):
            say(f"The data was of an earlier version and has been upgraded; as it was before: {backup}")
        if detach:
            _stay_behind(config, first)
            return
        with _started(config) as children:
            _welcome(config, first)
            say("Press Ctrl-C to stop.")
            _watch(config, children)


def _welcome(config: Config, first: dict[str, Any]) -> None:
    say("")
    say(f"AURA is ready at {config.address}")
    if first.get("password"):
        say(f"Administrator: {first['user']}   one-time password: {first['password']}")
    say(f"Sign in (once, within an hour): {config.address}{first['link']}")
    _name_nobody(config)


def _name_nobody(config: Config) -> None:
    """Say how to find the address, when only people know it."""
    if config.public.endswith(f"//{UNKNOWN}"):
        complain(f"{UNKNOWN} is the name that browsers use: set AURA_TRUSTED_ORIGINS=https://... to have it here.")


def _stay_behind(config: Config, first: dict[str, Any]) -> None:
    """Return when AURA is ready; a process in a session of its own, which holds the data folder on, starts the parts and
    looks after them. Raises SystemExit when it could not start them; it has said why."""
    sys.stdout.flush()
    sys.stderr.flush()
    told, telling = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(told)
        os._exit(_keeper(config, first, telling))
    os.close(telling)
    try:
        ready = os.read(told, 1)
    except BaseException:
        # A signal for this process is for all of them.
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)
        raise
    finally:
        os.close(told)
    if not ready:
        os.waitpid(pid, 0)
        raise SystemExit(1)


def _keeper(config: Config, first: dict[str, Any], telling: int) -> int:
    """Start the parts, write a byte to `telling` when they are ready, and look after them; return the exit status."""
    os.setsid()
    try:
        with _started(config) as children:
            _welcome(config, first)
            _into_log(config)
            # Before anybody hears that it is ready: who then asks what runs is told of this process too.
            processes.remember(config, children, watched=True)
            os.write(telling, b"+")
            os.close(telling)
            _watch(config, children)
    except LauncherError as error:
        complain(str(error))
        return 1
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else 1
    except OSError as error:
        complain(explained(error, config.data))
        return 1
    return 0


def _into_log(config: Config) -> None:
    """Have what this process says go to its own log: the terminal is not its own any more."""
    log = os.open(config.data / "logs" / f"{processes.LAUNCHER}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, file in ((0, nothing), (1, log), (2, log)):
        os.dup2(file, number)
    os.close(log)
    os.close(nothing)


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
        _stop(children)
        raise


def _stop(children: Children) -> None:
    """End what this process has started, whether or not it could be written down."""
    processes.stop([processes.of(name, process) for name, process in children])


def _watch(config: Config, children: Children) -> None:
    """Start again what dies, the oftener the later, and keep the logs bounded, until a signal asks to stop."""
    restarts: Counter[str] = Counter()
    written = True
    backoffs = {name: Backoff(time.monotonic()) for name, _ in children}
    due: dict[str, float] = {}
    processes.remember(config, children, watched=True)
    with suppress(SystemExit), asked.held():
        while not asked.number:
            time.sleep(0.2)
            for place, (name, process) in enumerate(children):
                _trim(config, name)
                if process.poll() is None or asked.number:
                    continue
                now = time.monotonic()
                if name not in due:
                    processes.end_orphans(process.pid)
                    due[name] = now + (wait := backoffs[name].died(now))
                    soon = f"in {wait:.0f} s" if wait else "now"
                    why = processes.log_tail(config, name)
                    _note(f"The {name} ended with status {process.returncode}; starting it again {soon}. {why}")
                if now < due[name]:
                    continue
                # A full disk is no reason to stop looking after the parts: what cannot be done now is tried again.
                try:
                    children[place] = (name, processes.start(config, name, processes.commands(config)[name]))
                except OSError as error:
                    due[name] = now + (wait := backoffs[name].died(now) or FIRST_WAIT)
                    _note(f"The {name} cannot be started ({error.strerror}); trying again in {wait:.0f} s.")
                    continue
                del due[name]
                restarts[name] += 1
                written = False
            written = written or _written(config, children, restarts)
            _trim(config, processes.LAUNCHER)
    with suppress(OSError):
        say("Stopping ...")
    _stop(children)


def _written(config: Config, children: Children, restarts: Counter[str]) -> bool:
    """Write down what runs; return whether that could be done."""
    try:
        processes.remember(config, children, watched=True, restarts=restarts)
    except OSError:
        return False
    return True


def _note(text: str) -> None:
    with suppress(OSError):
        complain(text)


def _trim(config: Config, name: str) -> None:
    with suppress(OSError):
        trim(config.data / "logs" / f"{name}.log")


def down(config: Config) -> None:
    """Stop what `up` started."""
    for child in processes.remembered(config):
        if not child.alive():
            processes.end_orphans(child.pid)
    children = processes.running(config)
    if not children:
        say("AURA does not run.")
        return
    parts = " and ".join(child.name for child in children if child.name != processes.LAUNCHER)
    with step(f"Stopping {parts or 'AURA'}"):
        processes.stop(children)


def status(config: Config) -> bool:
    """Say what runs, how often it has been started again, and how it is; return whether all is well."""
    children = processes.running(config)
    names = {child.name for child in children}
    for child in children:
        say(f"{child.name:14} runs, process {child.pid}{_again(child.restarts)}")
    away = [child for child in processes.remembered(config) if child.name not in {*names, processes.LAUNCHER}]
    for child in away if children else ():
        say(f"{child.name:14} DOES NOT RUN{_again(child.restarts)}")
    if children and processes.LAUNCHER not in names:
        say("Nothing that dies now is started again: ./aura down, then ./aura up --detach.")
    state = processes.health(config) if children else None
    checks = state.get("checks") if state else None
    if not isinstance(checks, dict):
        say("AURA does not run." if not children else f"{config.url} does not answer.")
        return False
    for name, check in checks.items():
        say(f"{name:14} {'well' if check['ok'] else 'NOT WELL'}: {check.get('message', '')}")
    say(f"{'address':14} {config.address}")
    return bool(state and state.get("ready")) and not away


def _again(restarts: int) -> str:
    return f", started again {restarts} time{'s' if restarts > 1 else ''}" if restarts else ""


def link(config: Config) -> None:
    """Print another sign-in link."""
    say(config.address + str(_bootstrap(config)["link"]))
    _name_nobody(config)


def become(config: Config, part: str, arguments: list[str]) -> NoReturn:
    """Go over into one part: the server, the worker, or a command of manage.py. Nothing is installed or looked after:
    whoever started this process does that. Does not return; raises LauncherError when there is nothing to run with."""
    if part == "manage":
        # It works where its caller stands, who may name files.
        command = [str(config.python.absolute()), str(config.root / "manage.py"), *arguments]
    elif arguments:
        raise LauncherError(f"The {part} takes no arguments; its settings come from the environment.")
    else:
        command = processes.commands(config)[part]
    if not config.python.exists():
        raise LauncherError(f"There is no Python at {config.python}: run ./aura up once, or set AURA_VENV.")
    try:
        os.chdir(given("") if part == "manage" else config.root)
    except OSError:
        # Whoever runs it for another account stands where that may not go.
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
            say(f"AURA reloads at {config.address}{first['link']}   logs: {config.data / 'logs'}")
            _watch(config, children)
