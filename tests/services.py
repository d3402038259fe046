"""Servers that AURA needs for some tests: started on free ports for one test run, or found by settings."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
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


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """Yield the URL of an empty Redis of our own."""
    binary = shutil.which("redis-server")
    assert binary, "no redis-server: install Debian's package redis-server"
    port = free_port()
    command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    command += ["--databases", "10000"]
    with (folder / "redis.log").open("wb") as log:
        process = subprocess.Popen([*command, "--dir", str(folder)], stdout=log, stderr=log)
    try:
        _wait_for(port)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def postgres_server() -> Iterator[str]:
    """Yield the superuser's URL of an empty PostgreSQL of our own. It never runs as root, but as `postgres` then."""
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
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, user=user, cwd=folder)
        try:
            _wait_for(port)
            yield f"postgres://postgres@127.0.0.1:{port}/postgres"
        finally:
            process.send_signal(signal.SIGINT)  # at once, without waiting for clients
            process.wait(30)


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
    servers = " ".join(f"server 127.0.0.1:{number} max_fails=1 fail_timeout=1s;" for number in ports)
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


def _wait_for(port: int) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError(f"nothing came up on port {port}")
