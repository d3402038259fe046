"""`./aura` as a person uses it, with the interpreter at hand in the place of an environment of its own."""

import errno
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from aura_site.launcher import checks, installation, processes, watching
from aura_site.launcher.config import Config
from aura_site.launcher.errors import LauncherError, explained
from tests import cluster
from tests.live import ROOT, free_port


def environment(folder: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AURA_", "OPEN", "DJANGO"))}
    return {
        **kept,
        "AURA_VENV": sys.prefix,
        "AURA_DATA_DIR": str(folder),
        "AURA_PORT": str(free_port()),
        "ALLOW_MOCK_LLM": "true",
        "NANO_MODEL": "mock:echo",
        "FAST_MODEL": "mock:echo",
        "SMART_MODEL": "mock:echo",
        "GENIUS_MODEL": "mock:echo",
        **more,
    }


def aura(settings: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["./aura", *arguments], cwd=ROOT, env=settings, capture_output=True, text=True, timeout=180, check=False
    )


def test_up_status_key_demo_link_down(tmp_path: Path) -> None:
    settings = environment(tmp_path)
    try:
        up = aura(settings, "up", "--detach")
        assert up.returncode == 0, up.stderr + up.stdout
        assert f"AURA is ready at http://127.0.0.1:{settings['AURA_PORT']}" in up.stdout
        assert "one-time password: " in up.stdout
        assert "/sign-in/link/" in up.stdout
        status = aura(settings, "status")
        assert status.returncode == 0
        assert status.stdout.count("well:") == 5
        again = aura(settings | {"AURA_PORT": "1"}, "up", "--detach")
        assert (again.returncode, again.stdout) == (1, "")
        assert f"runs already at http://127.0.0.1:{settings['AURA_PORT']}:" in again.stderr
        assert aura(settings, "createkey", "laptop").stdout.startswith("aura_")
        assert aura(settings, "link").stdout.startswith("http://127.0.0.1")
        demo = aura(settings, "demo")
        assert demo.returncode == 0, demo.stderr
        assert "the chain is whole" in demo.stdout
        best = demo.stdout.split("Best: ")[1]
        assert float(best.split()[1].split(":")[0]) >= 5
        command = ["bash", "-c", "set -o pipefail; ./aura demo | head -3"]
        done = subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True, timeout=180, check=False)
        assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 3)
        # What is killed is started again, and told.
        config = Config(ROOT, tmp_path, "127.0.0.1", int(settings["AURA_PORT"]), settings)
        log = tmp_path / "logs" / "launcher.log"
        for part in ("worker", "server", "worker"):
            (killed,) = (child for child in processes.running(config) if child.name == part)
            os.kill(killed.pid, signal.SIGKILL)
            _wait(lambda killed=killed: _restarts(config).get(killed.name, 0) > killed.restarts, log)
        _wait(lambda: (processes.health(config) or {}).get("ready") is True, log)
        status = aura(settings, "status")
        assert status.returncode == 0, status.stdout
        assert [line.split(", ")[2:] for line in status.stdout.splitlines()[:3]] == [
            [], ["started again 1 time"], ["started again 2 times"]
        ]  # fmt: skip
        assert "The worker ended with status -9; starting it again in 1 s." in log.read_text()
    finally:
        down = aura(settings, "down")
    assert "Stopping server" in down.stdout
    _nothing_is_left(tmp_path)
    assert aura(settings, "status").returncode == 1
    assert aura(settings, "down").stdout == "AURA does not run.\n"


def _restarts(config: Config) -> dict[str, int]:
    return {child.name: child.restarts for child in processes.running(config)}


def test_detached_parts_whose_launcher_is_gone_go_on_and_it_is_told(tmp_path: Path) -> None:
    settings = environment(tmp_path)
    try:
        assert aura(settings, "up", "--detach").returncode == 0
        (launcher, *parts) = processes.running(Config(ROOT, tmp_path, "", 0, {}))
        assert (launcher.name, [part.name for part in parts]) == ("launcher", ["server", "worker"])
        os.kill(launcher.pid, signal.SIGKILL)
        os.kill(parts[1].pid, signal.SIGKILL)
        status = aura(settings, "status")
        assert status.returncode == 1
        assert "Nothing that dies now is started again" in status.stdout
        assert "worker         DOES NOT RUN" in status.stdout
    finally:
        aura(settings, "down")
    _nothing_is_left(tmp_path)


def test_a_start_that_cannot_be_written_down_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "processes.json.new").mkdir()
    done = aura(environment(tmp_path), "up", "--detach")
    assert (done.returncode, done.stderr) == (1, f"Is a directory: {tmp_path}/processes.json.new\n")
    _nothing_is_left(tmp_path)


def test_a_full_disk_is_told_with_what_to_do(tmp_path: Path) -> None:
    told = explained(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), tmp_path)
    assert told == f"The disk is full: make room in {tmp_path} and start again."


def test_what_cannot_be_started_or_written_down_now_is_tried_again(tmp_path: Path) -> None:
    settings = environment(tmp_path)
    log, draft = tmp_path / "logs" / "launcher.log", tmp_path / "processes.json.new"
    try:
        assert aura(settings, "up", "--detach").returncode == 0
        config = Config(ROOT, tmp_path, "127.0.0.1", int(settings["AURA_PORT"]), settings)
        before = {child.name: child for child in processes.running(config)}
        # Folders in the places of files refuse to be written, as a full disk does.
        (tmp_path / "logs" / "worker.log").rename(tmp_path / "kept.log")
        (tmp_path / "logs" / "worker.log").mkdir()
        draft.mkdir()
        os.kill(before["worker"].pid, signal.SIGKILL)
        _wait(lambda: "The worker cannot be started (Is a directory); trying again in 1 s." in log.read_text(), log)
        (tmp_path / "logs" / "worker.log").rmdir()
        _wait((tmp_path / "logs" / "worker.log").exists, log)
        time.sleep(1)
        assert _restarts(config) == {"launcher": 0, "server": 0}
        draft.rmdir()
        _wait(lambda: _restarts(config).get("worker") == 1, log)
        assert {child.name: child for child in processes.running(config)} == before | {
            "worker": next(child for child in processes.running(config) if child.name == "worker")
        }
    finally:
        aura(settings, "down")
    _nothing_is_left(tmp_path)


def test_a_message_that_is_half_written_does_not_end_the_worker(tmp_path: Path) -> None:
    settings = environment(tmp_path)
    queue, control = tmp_path / "broker" / "queue", tmp_path / "broker" / "control"
    queue.mkdir(parents=True)
    control.mkdir()
    halves = [queue / "1_a.celery.msg", queue / "2_b.celery.msg", control / "celery.exchange"]
    for path, content in zip(halves, (b"", b'{"body": "W1', b"[["), strict=True):
        path.write_bytes(content)
    try:
        up = aura(settings, "up", "--detach")
        assert up.returncode == 0, up.stderr + up.stdout
        assert aura(settings, "status").returncode == 0
        assert "no whole message" in (tmp_path / "logs" / "worker.log").read_text()
        assert not halves[0].exists()
    finally:
        aura(settings, "down")
    _nothing_is_left(tmp_path)


def test_a_start_that_fails_is_explained_and_leaves_nothing(tmp_path: Path) -> None:
    # The models are looked for when the server starts, after the database has been prepared.
    done = aura(environment(tmp_path, REDIS_URL="nonsense://"), "up", "--detach")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "ready" not in done.stdout
    _nothing_is_left(tmp_path)


def test_what_keeps_dying_is_started_ever_later_and_what_was_well_at_once() -> None:
    backoff = watching.Backoff(0.0)
    now, waits = 1.0, []
    for _ in range(9):
        waits.append(backoff.died(now))
        now += waits[-1] + 1
    assert waits == [0, 1, 2, 4, 8, 16, 32, 60, 60]
    # It is well from when it is started, not from when it died.
    assert backoff.died(now + watching.WELL_AFTER - 2) == 60
    assert backoff.died(now + 60 + 2 * watching.WELL_AFTER) == 0


def test_a_log_of_some_size_is_put_aside_and_its_writer_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "server.log"
    assert not watching.trim(path)
    with path.open("ab", buffering=0) as log:
        for letter in b"ab":
            log.write(bytes([letter]) * 10)
            assert not watching.trim(path, 11)
            assert watching.trim(path, 10)
            assert (tmp_path / "server.log.1").read_bytes() == bytes([letter]) * 10
        log.write(b"more")
    assert path.read_bytes() == b"more"
    assert sorted(found.name for found in tmp_path.iterdir()) == ["server.log", "server.log.1"]


def test_up_for_others_by_a_name_of_their_own(tmp_path: Path) -> None:
    settings = environment(tmp_path, AURA_HOST="0.0.0.0", AURA_ALLOWED_HOSTS="chat.example.org")
    try:
        up = aura(settings, "up", "--detach")
        assert up.returncode == 0, up.stderr + up.stdout
        for name, status in (("chat.example.org", 200), ("localhost", 200), ("evil.example.org", 400)):
            connection = HTTPConnection("127.0.0.1", int(settings["AURA_PORT"]), timeout=30)
            connection.request("GET", "/sign-in/", headers={"Host": name})
            with closing(connection):
                assert connection.getresponse().status == status, name
    finally:
        aura(settings, "down")
    _nothing_is_left(tmp_path)


def test_over_https_people_get_the_public_address_and_the_demo_the_servers_own(tmp_path: Path) -> None:
    settings = environment(tmp_path, AURA_HTTPS="true", AURA_TRUSTED_ORIGINS="https://chat.example.org")
    try:
        up = aura(settings, "up", "--detach")
        assert up.returncode == 0, up.stderr + up.stdout
        assert "AURA is ready at https://chat.example.org\n" in up.stdout
        assert "within an hour): https://chat.example.org/sign-in/link/" in up.stdout
        demo = aura(settings, "demo")
        assert demo.returncode == 0, demo.stderr
        # In another shell, whose environment does not say where it listens.
        elsewhere = {name: value for name, value in settings.items() if name != "AURA_PORT"}
        status = aura(elsewhere | {"AURA_HTTPS": "false"}, "status")
        assert status.returncode == 0, status.stdout
        assert f"http://127.0.0.1:{settings['AURA_PORT']}\n" in status.stdout
        assert aura(elsewhere | {"AURA_HTTPS": "false"}, "link").stdout.startswith(
            f"http://127.0.0.1:{settings['AURA_PORT']}/sign-in/link/"
        )
        link = aura(settings | {"AURA_TRUSTED_ORIGINS": ""}, "link")
        assert link.stdout.startswith("https://NAME/sign-in/link/")
        assert "set AURA_TRUSTED_ORIGINS" in link.stderr
    finally:
        aura(settings, "down")
    _nothing_is_left(tmp_path)


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ({"AURA_ALLOWED_HOSTS": "chat.example.org"}, "http://127.0.0.1:8000"),
        ({"AURA_HTTPS": "on"}, "https://NAME"),
        ({"AURA_HTTPS": "1", "AURA_ALLOWED_HOSTS": "localhost, .a.org,chat.example.org"}, "https://chat.example.org"),
        ({"AURA_HTTPS": "1", "AURA_ALLOWED_HOSTS": "a.org", "AURA_TRUSTED_ORIGINS": "https://b.org/"}, "https://b.org"),
        ({"AURA_HOST": "::1"}, "http://[::1]:8000"),
        ({"AURA_HOST": "::", "AURA_HTTPS": "no"}, "http://[::1]:8000"),
    ],
)
def test_the_address_for_browsers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, str], address: str
) -> None:
    for name in ("AURA_HOST", "AURA_PORT", "AURA_HTTPS", "AURA_ALLOWED_HOSTS", "AURA_TRUSTED_ORIGINS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert Config.load(tmp_path).address == address


def test_up_with_daphne(tmp_path: Path) -> None:
    settings = environment(tmp_path, AURA_SERVER="daphne")
    try:
        up = aura(settings, "up", "--detach")
        assert up.returncode == 0, up.stderr + up.stdout
        assert aura(settings, "status").stdout.count("well:") == 5
        pid = next(
            child.pid for child in processes.running(Config(ROOT, tmp_path, "", 0, {})) if child.name == "server"
        )
        assert b"daphne_server" in Path(f"/proc/{pid}/cmdline").read_bytes()
    finally:
        aura(settings, "down")
    _nothing_is_left(tmp_path)


def test_a_part_in_the_foreground_is_that_process(tmp_path: Path) -> None:
    settings = environment(tmp_path)
    done = aura(settings, "run", "manage", "shell", "--verbosity=0", "-c", "import os; print(os.getppid())")
    assert (done.returncode, done.stdout.strip()) == (0, str(os.getpid()))
    refused = aura(settings, "run", "server", "--port", "1")
    assert (refused.returncode, refused.stderr) == (
        1,
        "The server takes no arguments; its settings come from the environment.\n",
    )


def test_files_are_named_from_where_the_caller_stands(tmp_path: Path) -> None:
    settings = environment(tmp_path / "data")
    (tmp_path / "elsewhere").mkdir()
    for command in (["nginx", "--output", "own.conf"], ["run", "manage", "backup", "own.tar"]):
        done = subprocess.run(
            [ROOT / "aura", *command], cwd=tmp_path / "elsewhere", env=settings, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "elsewhere" / command[-1]).is_file()


def test_a_server_that_is_none_is_explained(tmp_path: Path) -> None:
    done = aura(environment(tmp_path, AURA_SERVER="apache"), "status")
    assert (done.returncode, done.stderr) == (1, "AURA_SERVER is 'apache': give one of uvicorn, daphne.\n")


def test_in_the_foreground_a_part_that_dies_is_started_again_and_a_signal_stops_all(tmp_path: Path) -> None:
    settings = environment(tmp_path)
    log = tmp_path / "up.log"
    with log.open("w") as output:
        launcher = subprocess.Popen(["./aura", "up"], cwd=ROOT, env=settings, stdout=output, stderr=output)
    try:
        _wait(lambda: "Press Ctrl-C" in log.read_text(), log)
        config = Config(ROOT, tmp_path, "127.0.0.1", int(settings["AURA_PORT"]), settings)
        parts = {child.name: child for child in processes.running(config)}
        assert set(parts) == {"launcher", "server", "worker"}
        os.kill(parts["server"].pid, signal.SIGKILL)
        os.kill(parts["worker"].pid, signal.SIGKILL)
        _wait(lambda: "starting it again" in log.read_text(), log)
        _wait(lambda: (processes.health(config) or {}).get("ready") is True, log)
    finally:
        launcher.send_signal(signal.SIGTERM)
        launcher.wait(60)
    assert not any(child.alive() for child in processes.running(config))
    _nothing_is_left(tmp_path)


def test_a_worker_does_not_outlive_its_scheduler(tmp_path: Path) -> None:
    settings = environment(tmp_path)
    assert aura(settings, "run", "manage", "upgrade").returncode == 0
    log = tmp_path / "worker.log"
    with log.open("w") as output:
        worker = subprocess.Popen(["./aura", "run", "worker"], cwd=ROOT, env=settings, stdout=output, stderr=output)
    try:
        _wait(lambda: _children(worker.pid), log)
        with closing(sqlite3.connect(tmp_path / "aura.sqlite3")) as database:
            _wait(lambda: database.execute("SELECT count(*) FROM aura_site_heartbeat").fetchone()[0], log)
        # A worker by itself is AURA that runs, too.
        backup = ("run", "manage", "backup", str(tmp_path / "b.tar"))
        assert aura(settings, *backup).returncode == 0
        restored = aura(settings, "run", "manage", "restore", str(tmp_path / "b.tar"), "--replace")
        assert "AURA runs here: stop it first" in restored.stderr
        for child in _children(worker.pid):
            os.kill(child, signal.SIGKILL)
        assert worker.wait(60) == 0
        assert "the scheduler has died" in log.read_text()
    finally:
        worker.kill()
        worker.wait()
    _nothing_is_left(tmp_path)


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT], ids=lambda number: number.name)
def test_a_signal_while_it_starts_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    log = tmp_path / "up.log"
    with log.open("w") as output:
        launcher = subprocess.Popen(
            ["./aura", "up"],
            cwd=ROOT,
            env=environment(tmp_path),
            stdout=output,
            stderr=output,
            # Under nohup HUP is ignored, and rightly stays so.
            preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # noqa: PLW1509
        )
    _wait((tmp_path / "logs" / "server.log").exists, log)
    launcher.send_signal(number)
    assert launcher.wait(60) == 128 + number
    assert "AURA is ready" not in log.read_text()
    _nothing_is_left(tmp_path)


def test_a_signal_waits_for_what_must_not_be_broken_off() -> None:
    code = (
        "import os, signal\nfrom aura_site.launcher.stopping import asked\nasked.catch()\n"
        "with asked.held():\n    os.kill(os.getpid(), signal.SIGTERM)\n    print('whole', flush=True)\nprint('never')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (128 + signal.SIGTERM, "whole\n")


def _nothing_is_left(folder: Path) -> None:
    """Check that no process of that data folder lives, not even one that lost its parent."""
    left = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes()
            mine = f"AURA_DATA_DIR={folder}\0".encode() in (entry / "environ").read_bytes()
        except OSError:
            continue
        if mine and words:
            left.append(words)
    assert left == []


def _wait(condition, log: Path) -> None:
    end = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.1)


def test_a_port_in_use_is_one_clear_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = aura(environment(tmp_path, AURA_PORT=str(taken.getsockname()[1])), "up", "--detach")
    assert done.returncode == 1
    assert "set AURA_PORT to another port" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("host", ["nonsense.invalid", "192.0.2.1"])
def test_a_host_that_is_not_this_machine_is_explained(tmp_path: Path, host: str) -> None:
    done = aura(environment(tmp_path, AURA_HOST=host), "up", "--detach")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith(f"AURA_HOST is '{host}', which is no address of this machine")


@pytest.mark.parametrize("name", ["bare", "line", "peers", "clock", "audit_worker"])
def test_what_is_no_benchmark_by_itself_is_not_run_as_one(tmp_path: Path, name: str) -> None:
    done = aura(environment(tmp_path), "bench", name)
    assert done.returncode == 1
    assert f"There is no benchmark called {name}; there are: audit, bridges," in done.stderr


@pytest.mark.parametrize("port", ["many", "0", "70000"])
def test_a_port_that_is_none_is_explained(tmp_path: Path, port: str) -> None:
    done = aura(environment(tmp_path, AURA_PORT=port), "status")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "from 1 to 65535" in done.stderr


def test_a_data_folder_that_cannot_be_written_is_explained(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    done = aura(environment(file / "var"), "up", "--detach")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "set AURA_DATA_DIR" in done.stderr


@pytest.mark.parametrize(
    "command",
    [["run", "manage", "backup", "x.tar"], ["run", "server"], ["run", "worker"], ["link"], ["createkey", "laptop"]],
    ids=" ".join,
)
def test_each_command_says_that_the_data_folder_cannot_be_written(tmp_path: Path, command: list[str]) -> None:
    file = tmp_path / "file"
    file.write_text("")
    done = aura(environment(file / "var"), *command)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert done.stderr.startswith(str(file / "var"))
    assert done.stderr.endswith("(Not a directory): mend that, or set AURA_DATA_DIR.\n")


def test_without_network_installing_is_explained(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "requirements.txt").write_text("no-such-package==1.0 --hash=sha256:" + "0" * 64 + "\n")
    unreachable = {**os.environ, "PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "1", "PIP_TIMEOUT": "2"}
    unreachable |= {"PIP_EXTRA_INDEX_URL": "", "PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": os.devnull}
    config = Config(project, tmp_path / "var", "127.0.0.1", 8000, unreachable)
    with pytest.raises(LauncherError) as caught:
        installation.prepare(config)
    assert "index cannot be reached" in str(caught.value)
    assert not (project / ".venv" / ".installed-requirements.txt").exists()


@pytest.fixture
def small_project(tmp_path: Path) -> Config:
    """A project whose lists of packages are empty, so that installing needs no network."""
    project = tmp_path / "project"
    project.mkdir()
    for name in ("", "-models", "-voice", "-names", "-dev"):
        (project / f"requirements{name}.txt").write_text("")
    return Config(project, tmp_path / "var", "127.0.0.1", 8000, dict(os.environ))


def _has_pip(config: Config) -> bool:
    return subprocess.run([config.python, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0


def test_an_environment_whose_making_was_broken_off_is_made_anew(small_project: Config) -> None:
    # What a kill leaves: an interpreter, and nothing or half of pip.
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", small_project.venv], check=True)
    assert not _has_pip(small_project)
    installation.prepare(small_project)
    assert _has_pip(small_project)


def test_an_environment_that_pip_was_changing_when_it_was_killed_is_made_anew(small_project: Config) -> None:
    installation.prepare(small_project)
    half = small_project.venv / "half-installed"
    half.touch()
    code = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom aura_site.launcher import installation\n"
        "from aura_site.launcher.config import Config\n"
        "installation._run = lambda command, config: os.kill(os.getpid(), signal.SIGKILL)\n"
        "root = Path(sys.argv[1])\n(root / 'requirements.txt').write_text('# another list')\n"
        "installation.prepare(Config(root, root / 'var', '127.0.0.1', 8000, dict(os.environ)))"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(small_project.root)], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    installation.prepare(small_project)
    assert not half.exists()
    assert _has_pip(small_project)
    half.touch()
    installation.prepare(small_project)
    assert half.exists()


def test_a_full_disk_is_explained_before_anything_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "ROOM", 10**18)
    config = Config(tmp_path, tmp_path / "var", "127.0.0.1", 8000, dict(os.environ))
    with pytest.raises(LauncherError, match="The disk is full"):
        installation.prepare(config)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "not the one"),
        ("ERROR: No matching distribution found for x==1", "no ready-made package"),
        ("strange", "Installing failed: strange"),
    ],
)
def test_what_pip_says_becomes_one_sentence(output: str, words: str, tmp_path: Path) -> None:
    assert words in installation.explain(output, tmp_path)


def test_a_recycled_process_number_is_not_ours() -> None:
    own = processes.Child("server", os.getpid(), "not when this began")
    assert not own.alive()
    processes.stop([own])


def test_the_summary_says_how_to_get_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AURA_VENV", sys.prefix)
    monkeypatch.delenv("AURA_CHROMIUM", raising=False)
    monkeypatch.setattr(checks.shutil, "which", lambda _name, path=None: None)
    monkeypatch.setattr(checks, "_run", lambda *_arguments: 0)
    config = Config(ROOT, tmp_path / "var", "127.0.0.1", 8000, dict(os.environ))
    assert checks.run(config, require_all=False, pytest_arguments=[])
    told = capsys.readouterr().out
    assert "skipped: no Chromium: install it (Debian: apt install chromium)" in told
    assert "skipped: no Node.js: install it" in told
    assert "skipped: no PostgreSQL: install it" in told
    assert "Not everything was checked" in told
    assert not checks.run(config, require_all=True, pytest_arguments=[])
    assert "FAILED: no Chromium" in capsys.readouterr().out
    assert checks.run(config, require_all=False, pytest_arguments=[], cluster=True)
    told = capsys.readouterr().out
    assert "skipped: no PostgreSQL" in told
    assert "Chromium" not in told


def test_a_check_that_could_ask_nobody_has_not_passed_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AURA_VENV", sys.prefix)
    monkeypatch.setenv("AURA_CHROMIUM", "chromium")
    asking = checks.Check("advisories", [sys.executable, "-c", f"raise SystemExit({checks.NOT_ASKED})"])
    monkeypatch.setattr(checks, "checks", lambda *_arguments: [asking])
    config = Config(ROOT, tmp_path / "var", "127.0.0.1", 8000, dict(os.environ))
    assert checks.run(config, require_all=True, pytest_arguments=[])
    told = capsys.readouterr().out
    assert "NOT RUN: nobody who knows of vulnerabilities can be reached" in told
    assert "Not everything was checked" in told


def test_what_runs_on_the_cluster_is_there() -> None:
    assert [path for path in (*checks.ON_CLUSTER, *cluster.PATHS) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize(
    ("second", "command", "passes"),
    [
        ("pass", ["-n", "2"], True),
        ("raise SystemError", ["-n", "2"], False),
        ("pass", ["--no-such-option"], False),
    ],
)
def test_a_test_that_failed_beside_others_has_one_more_chance_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], second: str, command: list[str], passes: bool
) -> None:
    (tmp_path / "test_it.py").write_text(
        f"""import pathlib
def test_good(): pass
def test_late():
    was = pathlib.Path("was")
    if was.exists():
        {second}
    else:
        was.touch()
        raise SystemError
"""
    )
    pytest_ = [sys.executable, "-m", "pytest", "-q", "-p", "no:django"]
    check = checks.Check("pytest", [*pytest_, *command], again=pytest_)
    config = Config(tmp_path, tmp_path / "var", "127.0.0.1", 8000, dict(os.environ))
    assert (checks._run(config, check, require_all=True) == 0) is passes
    assert ("once more" in capsys.readouterr().out) is (command == ["-n", "2"])
