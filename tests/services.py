"""Servers that AURA needs for some tests: started on free ports for one test run, or found by settings."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.live import free_port

NGINX = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log error; worker_processes 1;
events {{ worker_connections 4096; }}
http {{
  access_log off; map $http_upgrade $upgrading {{ default upgrade; '' ''; }}
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  upstream aura {{ {servers} }}
  server {{
    listen 127.0.0.1:{port}{http2};
    location / {{
      proxy_pass http://aura; proxy_http_version 1.1; proxy_buffering off; proxy_read_timeout 1h;
      proxy_set_header Host $http_host; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $upgrading;
      proxy_next_upstream error timeout; proxy_connect_timeout 1s;
    }}
  }}
}}
"""


class Service:
    """A server that a test may kill and start again at the same address."""

    def __init__(
        self,
        url: str,
        port: int,
        log: Path,
        command: list[str],
        user: str | None = None,
        ready: Callable[[str], bool] = lambda _url: True,
    ) -> None:
        self.url, self._port, self._log, self._command, self._user = url, port, log, command, user
        self._ready = ready
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it listens, and is ready."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, user=self._user, cwd=self._log.parent, start_new_session=True
            )
        _wait_for(self._port)
        end = time.monotonic() + 60
        while not self._ready(self.url):
            assert time.monotonic() < end, self._log.read_text()
            time.sleep(0.05)

    def kill(self) -> None:
        """End it and all that it started at once, as a machine that fails does."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        # Its address is free when the last of its processes is gone.
        _wait_for(self._port, listens=False)

    def stop(self, number: int) -> None:
        """End it by a signal; one that was killed stays so."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)
            self._process.wait(30)


@contextmanager
def redis_service(folder: Path) -> Iterator[Service]:
    """Yield an empty Redis of our own that runs; it keeps nothing when it ends."""
    binary = shutil.which("redis-server")
    assert binary, "no redis-server: install Debian's package redis-server"
    port = free_port()
    command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    command += ["--databases", "10000", "--dir", str(folder)]
    service = Service(f"redis://127.0.0.1:{port}/0", port, folder / "redis.log", command)
    service.start()
    try:
        yield service
    finally:
        service.stop(signal.SIGTERM)


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """Yield the URL of an empty Redis of our own."""
    with redis_service(folder) as service:
        yield service.url


def _answers(url: str) -> bool:
    """Return whether a PostgreSQL takes connections: it listens while it still starts."""
    import psycopg

    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def postgres_service() -> Iterator[Service]:
    """Yield an empty PostgreSQL of our own that runs; its URL is the superuser's. It never runs as root, but as `postgres`
    then."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    assert found, "no PostgreSQL: install Debian's package postgresql"
    binaries, port = found[-1].parent, free_port()
    user = "postgres" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="aura-postgres-") as name:
        folder = Path(name)
        if user:
            shutil.chown(folder, user)
        data = str(folder / "data")
        making = f"{binaries}/initdb -U postgres --auth=trust --no-sync --locale=C -E UTF8".split()
        subprocess.run([*making, "-D", data], check=True, stdout=subprocess.DEVNULL, user=user, cwd=folder)
        # What a crash of the machine would cost does not matter here; a killed AURA loses nothing by it.
        options = "-c fsync=off -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=400"
        command = [f"{binaries}/postgres", "-D", data, "-p", str(port), *options.split()]
        service = Service(
            f"postgres://postgres@127.0.0.1:{port}/postgres", port, folder / "log", command, user, _answers
        )
        service.start()
        try:
            yield service
        finally:
            service.stop(signal.SIGINT)  # at once, without waiting for clients


@contextmanager
def postgres_server() -> Iterator[str]:
    """Yield the superuser's URL of an empty PostgreSQL of our own."""
    with postgres_service() as service:
        yield service.url


@contextmanager
def postgres_database() -> Iterator[str]:
    """Yield the URL of an empty database on the PostgreSQL that AURA_TEST_POSTGRES names (its superuser's URL)."""
    import psycopg

    server = os.environ.get("AURA_TEST_POSTGRES", "postgres://postgres@127.0.0.1:5432/postgres")
    name = f"aura_test_{os.getpid()}_{time.time_ns()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    try:
        yield server.rsplit("/", 1)[0] + "/" + name
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@contextmanager
def nginx(folder: Path, ports: list[int], *, http2: bool = False) -> Iterator[int]:
    """Yield the port of an nginx in front of the servers; with `http2` it speaks that and nothing else."""
    port = free_port()
    servers = " ".join(f"server 127.0.0.1:{number} max_fails=0;" for number in ports)
    file = folder / "nginx.conf"
    file.write_text(NGINX.format(folder=folder, servers=servers, port=port, http2=" http2" if http2 else ""))
    binary = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    assert binary, "no nginx: install Debian's package nginx-light"
    process = subprocess.Popen([binary, "-c", str(file), "-p", str(folder)])
    try:
        _wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(port: int, *, listens: bool = True) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with socket.socket() as probe:
            if (probe.connect_ex(("127.0.0.1", port)) == 0) is listens:
                return
        time.sleep(0.02)
    raise AssertionError(f"{'nothing came up' if listens else 'something stayed'} on port {port}")
