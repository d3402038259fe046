"""The Dockerfile by hand: the files of its last stage and no others, the packages of its lock and no others, its variables,
its commands, as a user who may write nothing but the volume. What an image would lack is missing here too, but for libraries
of the base image: those that the packages want are compared with those that it is known to have."""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

import psycopg
import pytest
import yaml

from tests.advisories import canonical
from tests.deploy import helm
from tests.live import ROOT, free_port
from tests.services import postgres_service, redis_service

DOCKERFILE = (ROOT / "deploy" / "docker" / "Dockerfile").read_text().replace("\\\n", " ")
FIRST, LAST = DOCKERFILE.split("\nFROM ")[1:]
USER = 10_001
EXAMPLE = (ROOT / "deploy" / "docker" / "env.example").read_text()
SECRETS = {
    "POSTGRES_PASSWORD": "a-password",
    **{f"AURA_{name}_KEY": f"a-long-secret-for-{name}-" * 3 for name in ("SECRET", "RECORD", "SIGNING")},
}
# Who may not become somebody else tries it as who they are.
AS_USER = {"user": USER, "group": USER, "extra_groups": []} if os.geteuid() == 0 else {}


def instructions(name: str, stage: str = LAST) -> list[str]:
    """Return what the instructions of that name say in a stage, the last one unless another is given."""
    return [line.split(" ", 1)[1] for line in stage.splitlines() if line.startswith(f"{name} ")]


def built(target: str) -> tuple[list[str], list[str]]:
    """Return what the first stage does in the folder that becomes `target`: what it copies there and what it runs."""
    (source,) = (
        found[1] for line in instructions("COPY") if (found := re.fullmatch(rf"--from=build (\S+) {target}", line))
    )
    parts = re.split(r"^WORKDIR ", FIRST, flags=re.MULTILINE)
    (there,) = (part for part in parts if part.startswith(f"{source}\n"))
    return instructions("COPY", there), instructions("RUN", there)


def interpreter(folder: Path) -> str:
    """Return a Python of this version that the user may run: root's own is for root."""
    minor = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for found in (getattr(sys, "_base_executable", sys.executable), f"/usr/local/bin/{minor}", f"/usr/bin/{minor}"):
        try:
            subprocess.run([found, "-c", "import ssl, sqlite3"], check=True, cwd=folder, capture_output=True, **AS_USER)
        except (OSError, subprocess.CalledProcessError):
            continue
        return str(found)
    raise AssertionError(f"no {minor} that user {USER} may run: install Debian's package {minor}")


def environment_of(lock: str, python: str, folder: Path) -> None:
    """Make a virtual environment of the packages in a lock, from those that are installed here."""
    subprocess.run([python, "-m", "venv", "--without-pip", str(folder)], check=True)
    (site,) = (folder / "lib").glob("python*/site-packages")
    wanted = {canonical(name) for name in re.findall(r"^([A-Za-z0-9._-]+)(?:\[[\w,]+\])?==", lock, re.MULTILINE)}
    here = Path(sysconfig.get_path("purelib")).resolve()
    for found in metadata.distributions():
        if canonical(found.name) not in wanted:
            continue
        for file in found.files or []:
            if ".." in file.parts or file.suffix == ".pyc":
                continue
            target = site / file
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                os.link(here / file, target) if _same_disk(here, site) else shutil.copy2(here / file, target)


def _same_disk(one: Path, other: Path) -> bool:
    return one.stat().st_dev == other.stat().st_dev


class Image:
    """A container's file system below a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.work = self.at(instructions("WORKDIR")[-1])
        self.work.mkdir(parents=True)
        copied, ran = built(instructions("WORKDIR")[-1])
        for line in copied:
            *names, target = line.split()
            for name in names:
                self._copy(ROOT / name, self.work / (name if target == "./" else target))
        self.data = self.at(instructions("VOLUME")[0])
        self.data.mkdir(parents=True, mode=0o700)
        self.temporary = root / "tmp"
        self.temporary.mkdir(mode=0o700)
        if AS_USER:
            os.chown(self.data, USER, USER)
            os.chown(self.temporary, USER, USER)
        environment_of((ROOT / "requirements.txt").read_text(), interpreter(root), self.at("/opt/venv"))
        # Sources of somebody who lets nobody else read them.
        subprocess.run(["chmod", "-R", "go=", self.work], check=True)
        for line in ran:
            path = f"{self.at('/opt/venv')}/bin:{os.environ['PATH']}"
            subprocess.run(["sh", "-ec", line], cwd=self.work, env={"PATH": path}, check=True)
        self.port = free_port()
        self.environment = {"TMPDIR": str(self.temporary), "LANG": "C.UTF-8"}
        for line in instructions("ENV"):
            self.environment |= dict(word.split("=", 1) for word in shlex.split(line))
        for name in ("AURA_VENV", "AURA_DATA_DIR"):
            self.environment[name] = str(self.at(self.environment[name]))
        path = self.environment["PATH"].replace("/opt/venv", str(self.at("/opt/venv")))
        self.environment["PATH"] = path.replace("$PATH", "/usr/local/bin:/usr/bin:/bin")
        self.environment["AURA_PORT"] = str(self.port)

    def at(self, path: str) -> Path:
        """Return where a path of the image stands here."""
        return self.root / path.lstrip("/")

    def _copy(self, source: Path, target: Path) -> None:
        # .dockerignore lets these stay away.
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, target)

    def command(self, *arguments: str) -> list[str]:
        """Return what a container runs with these arguments, or with none."""
        (entry,) = instructions("ENTRYPOINT")
        (usual,) = instructions("CMD") if not arguments else ("[]",)
        return [*json.loads(entry), *json.loads(usual), *arguments]

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a container to its end."""
        return subprocess.run(
            self.command(*arguments), cwd=self.work, env=self.environment, capture_output=True, text=True, check=False,
            **AS_USER,
        )  # fmt: skip

    @contextmanager
    def running(self, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
        """Run a container, and stop it as Docker does."""
        log = self.root / f"{arguments[0] if arguments else 'server'}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                self.command(*arguments), cwd=self.work, env=self.environment, stdout=output, stderr=output, **AS_USER
            )
        try:
            yield process
            process.send_signal(getattr(signal, instructions("STOPSIGNAL")[0]))
            assert process.wait(60) in (0, -signal.SIGTERM, 128 + signal.SIGTERM), log.read_text()
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()

    def healthy(self) -> bool:
        """Do what the HEALTHCHECK does."""
        said = instructions("HEALTHCHECK")[0]
        command = json.loads(said[said.index("[") :])
        return (
            subprocess.run(
                command, cwd=self.work, env=self.environment, check=False, capture_output=True, **AS_USER
            ).returncode
            == 0
        )


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    # Not pytest's own folder: that is for who runs the tests alone.
    with tempfile.TemporaryDirectory(prefix="aura-image-") as name:
        Path(name).chmod(0o755)
        yield Image(Path(name))


MOCK = {"ALLOW_MOCK_LLM": "true"} | {f"{tier}_MODEL": "mock:echo" for tier in ("NANO", "FAST", "SMART", "GENIUS")}


def serves(image: Image) -> None:
    """Start what compose and the chart start, use it, and stop it as they do."""
    upgraded = image.run("manage", "upgrade", "--without-backup")
    assert upgraded.returncode == 0, upgraded.stderr
    first = image.run("manage", "bootstrap")
    assert first.returncode == 0, first.stderr
    assert json.loads(first.stdout)["link"].startswith("/sign-in/link/")
    with image.running() as server, image.running("worker") as worker:
        _wait(image.healthy, server, image)
        _wait(lambda: _get(image.port, "/health/ready")[0] == 200, server, image)
        assert worker.poll() is None
        status, body = _get(image.port, "/docs/en/")
        assert (status, b"AURA" in body) == (200, True)
        assert _get(image.port, "/static/aura/icon.svg")[0] == 200
        assert _get(image.port, "/sign-in/")[0] == 200


def test_the_image_serves_as_a_user_who_may_write_its_volume_alone(image: Image) -> None:
    assert instructions("USER") == [f"{USER}:{USER}"]
    image.environment |= MOCK
    serves(image)
    # Nothing can be compiled where it runs.
    sources = [path for path in image.work.rglob("*.py") if path.stat().st_size]
    assert [path for path in sources if not list((path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"))] == []
    if AS_USER:
        written = [path for path in image.root.rglob("*") if path.lstat().st_uid == USER]
        places = (image.data, image.temporary)
        assert [path for path in written if not any(path.is_relative_to(place) for place in places)] == []


def test_the_image_serves_with_what_compose_gives_it(
    image: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment of compose.yml, filled in as env.example says; its database and Redis are of this machine."""
    services = yaml.safe_load((ROOT / "deploy" / "docker" / "compose.yml").read_text())["services"]
    given = {**dict(line.split("=", 1) for line in EXAMPLE.splitlines() if re.match(r"\w+=", line)), **SECRETS}

    def filled(text: str) -> str:
        return re.sub(r"\$\{(\w+)(?::[-?]([^}]*))?\}", lambda found: given.get(found[1]) or found[2] or "", text)

    environment = {name: filled(value) for name, value in services["server"]["environment"].items()}
    assert services["worker"]["environment"] == services["migrate"]["environment"] == services["server"]["environment"]
    assert environment["DATABASE_URL"] == "postgres://aura:a-password@database/aura"
    with postgres_service() as postgres, redis_service(tmp_path) as redis:
        environment |= {"DATABASE_URL": postgres.url, "REDIS_URL": redis.url, **MOCK}
        monkeypatch.setattr(image, "environment", image.environment | environment)
        assert services["migrate"]["command"] == ["manage", "upgrade", "--without-backup"]
        serves(image)
        with psycopg.connect(postgres.url) as database:
            assert database.execute("SELECT username FROM auth_user").fetchall() == [("admin",)]


def test_the_image_serves_with_what_the_chart_gives_it(
    image: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its job, then a pod of the server, asked as the kubelet, Prometheus and the ingress do."""
    if not helm.program():
        pytest.skip(helm.NO_HELM)
    made = helm.Chart({"settings": MOCK})
    pod = made.only("Deployment", "-server")["spec"]["template"]["spec"]
    (server,), (waiting,) = pod["containers"], pod["initContainers"]
    (upgrading,) = made.only("Job")["spec"]["template"]["spec"]["containers"]
    secret = {**SECRETS, "AURA_OPERATOR_TOKEN": "a-token"}
    with postgres_service() as postgres, redis_service(tmp_path) as redis:
        secret |= {"DATABASE_URL": postgres.url, "REDIS_URL": redis.url}
        monkeypatch.setattr(image, "environment", image.environment | made.only("ConfigMap")["data"] | secret)
        upgraded = image.run(*upgrading["args"])
        assert upgraded.returncode == 0, upgraded.stderr
        subprocess.run(
            [*waiting["command"], *waiting["args"]], cwd=image.work, env=image.environment, check=True, **AS_USER
        )
        with image.running(*server["args"]) as process:
            _wait(image.healthy, process, image)
            for name in ("startupProbe", "livenessProbe", "readinessProbe"):
                probe = server[name]["httpGet"]
                headers = {one["name"]: one["value"] for one in probe["httpHeaders"]}
                # The kubelet takes a redirect for health as well.
                _wait(lambda path=probe["path"], sent=headers: _get(image.port, path, **sent)[0] == 200, process, image)
            # By a pod's address, as everybody else in the cluster.
            inside = {"Host": "10.1.2.3:8000"}
            assert _get(image.port, "/metrics", **inside)[0] == 401
            assert _get(image.port, "/metrics", **inside, Authorization="Bearer a-token")[0] == 200
            assert _get(image.port, "/sign-in/", **inside)[0] == 400
            proxied = {"Host": "chat.example.org", "X-Forwarded-For": "192.0.2.1"}
            assert _get(image.port, "/sign-in/", **proxied, **{"X-Forwarded-Proto": "https"})[0] == 200
            assert _get(image.port, "/sign-in/", **proxied, **{"X-Forwarded-Proto": "http"})[0] == 301


# Of the C library, of GCC's, and zlib: in every Debian that has apt, so in python:*-slim.
BASE = {
    "ld-linux",
    "libc",
    "libm",
    "libdl",
    "libpthread",
    "librt",
    "libresolv",
    "libutil",
    "libgcc_s",
    "libstdc++",
    "libz",
}


@pytest.mark.model
@pytest.mark.skipif(sys.platform != "linux", reason="wheels for other systems want other libraries")
def test_the_image_has_the_libraries_that_its_packages_want() -> None:
    """python:*-slim has few: a package that wants another one cannot be imported until the image has that, too."""
    (installed,) = re.findall(r"apt-get install ((?:\S+ )+)&&", LAST)
    packages = {word for word in installed.split() if not word.startswith("-")}
    locks = [(ROOT / f"requirements{more}.txt").read_text() for more in ("", "-models")]
    names = {
        canonical(name) for lock in locks for name in re.findall(r"^([A-Za-z0-9._-]+)(?:\[[\w,]+\])?==", lock, re.M)
    }
    found = {canonical(one.name): one for one in metadata.distributions() if canonical(one.name) in names}
    assert "xllamacpp" in found
    here = Path(sysconfig.get_path("purelib")).resolve()
    files = {here / file for one in found.values() for file in one.files or []}
    objects = [path for path in files if re.search(r"\.so(\.|$)", path.name) and path.is_file()]
    assert len(objects) > 20
    wanted = set()
    for path in objects:
        told = subprocess.run(["ldd", path], capture_output=True, text=True, check=False).stdout
        for name, where in re.findall(r"^\s(\S+) => (\S+)", told, re.MULTILINE):
            if not Path(where).resolve().is_relative_to(here):
                wanted.add(name.partition(".so")[0])
    assert {f"{name}1" for name in wanted - BASE} == packages


def _get(port: int, path: str, **headers: str) -> tuple[int, bytes]:
    lines = [f"{name}: {value}" for name, value in {"Host": "localhost", "Connection": "close", **headers}.items()]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
        line.sendall("\r\n".join([f"GET {path} HTTP/1.1", *lines, "", ""]).encode())
        told = b"".join(iter(lambda: line.recv(65_536), b""))
    return int(told.split()[1]), told


def _wait(wanted, process: "subprocess.Popen[bytes]", image: Image) -> None:
    end = time.monotonic() + 90
    while not wanted():
        logs = "".join(path.read_text() for path in image.root.glob("*.log"))
        assert process.poll() is None, logs
        assert time.monotonic() < end, logs
        time.sleep(0.2)
