"""`./aura nginx`: what it prints is what nginx takes, and what AURA works behind."""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest

from aura_site.launcher import nginx
from aura_site.launcher.errors import LauncherError
from tests.live import ROOT, LiveServer, free_port

SERVERS = ("127.0.0.1:8000",)


@pytest.fixture(scope="module")
def program() -> str:
    found = nginx.binary()
    assert found, "no nginx: install Debian's package nginx-light"
    return found


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A certificate of our own and its key."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1)).sign(key, hashes.SHA256())
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("tls")
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(key.private_bytes(*form))
    return str(folder / "cert.pem"), str(folder / "key.pem")


@pytest.mark.parametrize("name", ["_", "chat.example.org"])
@pytest.mark.parametrize("servers", [SERVERS, ("127.0.0.1:8000", "[::1]:8001", "unix:/run/aura.sock")])
def test_nginx_takes_what_is_printed(
    program: str, certificate: tuple[str, str], name: str, servers: tuple[str, ...]
) -> None:
    version = nginx.version(program)
    assert version > (1, 9)
    nginx.check(nginx.Site(servers, name, version=version), program)
    nginx.check(nginx.Site(servers, name, *certificate, version=version), program)


def test_http_2_is_asked_for_in_the_words_of_the_version() -> None:
    old = nginx.render(nginx.Site(SERVERS, "_", "/c", "/k", version=(1, 22, 1)))
    new = nginx.render(nginx.Site(SERVERS, "_", "/c", "/k", version=(1, 26, 0)))
    assert "listen 443 ssl http2;" in old
    assert "listen 443 ssl;\n    http2 on;" in new
    assert "return 301 https://" in new
    assert "http2" not in nginx.render(nginx.Site(SERVERS))


@pytest.mark.parametrize("server", ["x; }", "127.0.0.1", "a b:1", "http://a:1", ""])
def test_what_would_break_out_of_the_file_is_refused(server: str) -> None:
    with pytest.raises(LauncherError, match="no server"):
        nginx.Site((server,))


@pytest.mark.parametrize("site", [{"port": -1}, {"port": 70_000}, {"servers": ("127.0.0.1:70000",)}])
def test_a_port_is_one_that_there_can_be(site: dict[str, Any]) -> None:
    with pytest.raises(LauncherError, match="from 1 to 65535"):
        nginx.Site(**{"servers": ("127.0.0.1:8000",), **site})


def test_a_certificate_without_its_key_and_one_that_is_not_there(program: str) -> None:
    with pytest.raises(LauncherError, match="give both or none"):
        nginx.Site(SERVERS, "_", "/c")
    with pytest.raises(LauncherError, match=r"nginx refuses .*/no/such"):
        nginx.check(nginx.Site(SERVERS, "_", "/no/such", "/no/key"), program)


def test_the_command_prints_the_file_and_nothing_else(tmp_path: Path) -> None:
    environment = {**os.environ, "AURA_VENV": sys.prefix, "AURA_PORT": "8123", "AURA_DATA_DIR": str(tmp_path)}

    def run(*more: str) -> "subprocess.CompletedProcess[str]":
        command = ["./aura", "nginx", *more]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    done = run()
    assert done.returncode == 0
    assert "takes this configuration" in done.stderr
    assert "server 127.0.0.1:8123" in done.stdout
    assert done.stdout.rstrip().endswith("}")
    file = tmp_path / "aura.conf"
    assert "would be written" in run("--output", str(file), "--dry-run").stderr
    assert not file.exists()
    assert "Written" in run("--output", str(file)).stderr
    assert file.read_text().rstrip() == done.stdout.rstrip()
    assert "is so already" in run("--output", str(file)).stderr


@contextmanager
def running(program: str, site: nginx.Site, folder: Path) -> Iterator[None]:
    """Run nginx on a site, with all its files in a folder."""
    temporary = "".join(f"{k}_temp_path {folder}/{k};" for k in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log stderr error; events {{}} "
        f"http {{ access_log off; {temporary} {nginx.render(site)} }}"
    )
    process = subprocess.Popen([program, "-c", str(folder / "nginx.conf"), "-p", str(folder)])
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


def test_answers_come_piece_by_piece_over_tls_and_http_2(
    program: str, certificate: tuple[str, str], live: LiveServer, tmp_path: Path
) -> None:
    port = free_port()
    site = nginx.Site((f"127.0.0.1:{live.port}",), "_", *certificate, port=port, version=nginx.version(program))
    with running(program, site, tmp_path):
        curl = [
            shutil.which("curl") or "curl",
            "-skN",
            "--http2",
            "--retry",
            "20",
            "--retry-connrefused",
            "--retry-delay",
            "1",
        ]
        url = f"https://127.0.0.1:{port}"
        key = ["-H", f"Authorization: Bearer {live.key}", "-w", "%{stderr}%{http_version}"]
        asked = subprocess.Popen(
            [*curl, *key, f"{url}/api/v1/stream/chat?q=Speak&model=nano"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert asked.stdout is not None
        lines = [(time.monotonic(), line) for line in asked.stdout if line.strip()]
        assert asked.communicate()[1].strip().endswith("2")
        # The model takes 600 ms; a proxy that buffers would hand all of it over at once.
        assert lines[-1][0] - lines[0][0] > 0.2
        quiet = ["-o", "/dev/null", "-w", "%{http_code}"]
        hidden = subprocess.run([*curl, *quiet, f"{url}/metrics"], capture_output=True, check=False)
        assert hidden.stdout == b"404"


class Streams(BaseHTTPRequestHandler):
    """Answers every request with a stream that does not end before the server does."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"begun")
        self.wfile.flush()
        self.server.over.wait(60)  # type: ignore[attr-defined]

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Say nothing."""


def test_a_server_that_was_gone_is_trusted_at_once_when_it_is_back(program: str, tmp_path: Path) -> None:
    port, first, second, gone = (free_port() for _ in range(4))
    # Two that are gone: the third has to be tried all the same.
    servers = tuple(f"127.0.0.1:{one}" for one in (gone, first, second))
    site = nginx.Site(servers, port=port, version=nginx.version(program))
    with running(program, site, tmp_path), ExitStack() as stack:
        for _ in range(6):
            assert status_of(port, stack) in (0, 502)
        time.sleep(3)
        server = ThreadingHTTPServer(("127.0.0.1", second), Streams)
        server.daemon_threads = True
        over = server.over = threading.Event()  # type: ignore[attr-defined]
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            # None of these ends, so none tells nginx that all is well.
            assert [status_of(port, stack) for _ in range(4)] == [200] * 4
        finally:
            over.set()
            server.shutdown()
            serving.join()
            server.server_close()


def status_of(port: int, stack: ExitStack) -> int:
    """Return the status of a request whose answer is held open; 0 when nothing listens yet."""
    try:
        return int(stack.enter_context(urlopen(f"http://127.0.0.1:{port}/", timeout=20)).status)
    except HTTPError as error:
        error.close()
        return error.code
    except URLError:
        time.sleep(0.2)
        return 0
