"""`./aura nginx`: a configuration for a proxy in front of AURA, checked by nginx itself.

It stands in nginx's `http` block (Debian: /etc/nginx/conf.d/aura.conf). What it is careful about: answers are passed on as
they come (no buffering, in neither direction), WebSockets are upgraded, idle streams are not cut (AURA's heartbeats are 30 s
apart), a server that drains is left alone, and what the client claims about its own address counts for nothing.
"""

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from aura_site.launcher.errors import LauncherError

# HTTP/2 is a directive of its own from this version on.
_HTTP2_DIRECTIVE = (1, 25, 1)
_NAME = re.compile(r"[A-Za-z0-9.*_-]{1,253}")
_SERVER = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\]):\d{1,5}|unix:/[\w./-]+")
_PORT = re.compile(r":\d{1,5}\Z")
_FILE = re.compile(r"/[\w./@+ -]+")

TEMPLATE = """\
# AURA behind nginx, as `./aura nginx` printed it: put it into nginx's http block, for example /etc/nginx/conf.d/aura.conf.
map $http_upgrade $aura_connection {{
    default upgrade;
    ''      '';
}}

upstream aura {{
{balance}    # No server is left out because it failed: nginx would trust it again only when a request to it has ended, which
    # streams do not for hours, and let a single one through every few seconds until then.
{servers}
    keepalive 64;
}}
{redirect}
server {{
{listen}
    server_name {name};
{tls}
    # What a request may bring; uploads of datasets have a limit of their own in AURA (STREAMING_DATASET_LIMIT).
    client_max_body_size 9m;
    client_header_timeout 15s;
    client_body_timeout 60s;
    large_client_header_buffers 4 16k;

    proxy_http_version 1.1;
    proxy_set_header Host $http_host;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $aura_connection;
    # Set, not appended to: a client cannot choose its own address.
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Request-ID $request_id;
    proxy_set_header Forwarded "";
    # A machine that is gone costs each new request this, a process that is gone nothing.
    proxy_connect_timeout 1s;
    # Heartbeats come every 30 s; a stream that is silent for longer is dead.
    proxy_read_timeout 120s;
    proxy_send_timeout 120s;
    # Only what never reached a server is tried again: a question must not be asked twice.
    proxy_next_upstream error timeout;
    proxy_next_upstream_timeout 10s;

    # Answers come piece by piece: over WebSocket, Server-Sent Events and plain HTTP alike.
    location / {{
        proxy_pass http://aura;
        proxy_buffering off;
        proxy_cache off;
        gzip off;
    }}

    # Uploads stream in while results stream out.
    location /deep_tree_echo/ {{
        proxy_pass http://aura;
        client_max_body_size 0;
        proxy_request_buffering off;
        proxy_buffering off;
    }}

    # Small files that do not stream.
    location /static/ {{
        proxy_pass http://aura;
        proxy_buffering on;
    }}

    # For the operator's own network only; Prometheus asks the servers directly.
    location = /metrics {{
        return 404;
    }}
}}
"""
_TLS = """
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:aura:10m;
    ssl_session_timeout 1d;
    ssl_session_tickets off;
"""
_REDIRECT = """
server {{
    {listen};
    server_name {name};
    return 301 https://$host$request_uri;
}}
"""


@dataclass(frozen=True, slots=True)
class Site:
    """What the configuration is for. `certificate` and `key` are files, both or none; `version` is nginx's own."""

    servers: tuple[str, ...]
    name: str = "_"
    certificate: str = ""
    key: str = ""
    port: int = 0
    version: tuple[int, ...] = (0,)
    # For the check: sockets in this folder in the place of ports, which may be taken, or root's.
    sockets: str = ""

    def __post_init__(self) -> None:
        """Raise LauncherError for what would not be one word of a configuration."""
        if bool(self.certificate) != bool(self.key):
            raise LauncherError("A certificate needs its key, and a key its certificate: give both or none.")
        ports = [self.port, *(int(server.rpartition(":")[2]) for server in self.servers if _PORT.search(server))]
        if not all(0 <= port <= 65_535 for port in ports):
            raise LauncherError("A port is a number from 1 to 65535.")
        for words, pattern, value in (
            ("host name", _NAME, self.name),
            *(("certificate or key", _FILE, path) for path in (self.certificate, self.key) if path),
            *(("server", _SERVER, server) for server in self.servers),
        ):
            if not pattern.fullmatch(value):
                raise LauncherError(f"{value!r} is no {words} that nginx could use.")


def render(site: Site) -> str:
    """Return the configuration."""
    secure = bool(site.certificate)
    port = site.port or (443 if secure else 80)
    servers = "\n".join(f"    server {server} max_fails=0;" for server in site.servers)
    return TEMPLATE.format(
        balance="    least_conn;\n" if len(site.servers) > 1 else "",
        servers=servers,
        redirect=_REDIRECT.format(listen=_listen(site, 80), name=site.name) if secure and not site.port else "",
        listen=_listens(site, port, secure=secure),
        name=site.name,
        tls=_TLS.format(certificate=_word(site.certificate), key=_word(site.key)) if secure else "",
    )


def _word(path: str) -> str:
    return f'"{path}"' if " " in path else path


def _listen(site: Site, port: int) -> str:
    return f"listen unix:{site.sockets}/{port}.sock" if site.sockets else f"listen {port}"


def _listens(site: Site, port: int, *, secure: bool) -> str:
    """Return the lines of `listen`: HTTP/2 needs TLS, because no browser speaks it without."""
    if not secure:
        return f"    {_listen(site, port)};"
    if site.version >= _HTTP2_DIRECTIVE:
        return f"    {_listen(site, port)} ssl;\n    http2 on;"
    return f"    {_listen(site, port)} ssl http2;"


def binary() -> str:
    """Return where nginx is, empty when it is not installed."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin") or ""


def version(program: str) -> tuple[int, ...]:
    """Return nginx's version, (0,) when it does not say."""
    told = subprocess.run([program, "-v"], capture_output=True, text=True, check=False).stderr
    found = re.search(r"nginx/(\d+)\.(\d+)\.(\d+)", told)
    return tuple(int(part) for part in found.groups()) if found else (0,)


def check(site: Site, program: str) -> None:
    """Let nginx read the configuration. Raises LauncherError with what it complains of."""
    with tempfile.TemporaryDirectory(prefix="aura-nginx-") as name:
        folder = Path(name)
        (folder / "aura.conf").write_text(render(replace(site, sockets=name)))
        temporary = "".join(
            f"{kind}_temp_path {name}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (folder / "nginx.conf").write_text(
            f"pid {name}/nginx.pid; error_log stderr warn; events {{}} "
            f"http {{ access_log off; {temporary} include {name}/aura.conf; }}"
        )
        done = subprocess.run(
            [program, "-t", "-p", name, "-c", str(folder / "nginx.conf")], capture_output=True, text=True, check=False
        )
    if done.returncode:
        reasons = [line for line in done.stderr.splitlines() if "[emerg]" in line] or done.stderr.splitlines()[-1:]
        raise LauncherError(f"nginx refuses the configuration: {reasons[0] if reasons else 'it gave no reason'}")
