"""What the launcher needs to know: folders, address, environment."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aura_site import dotenv
from aura_site.launcher.errors import LauncherError

ROOT = Path(__file__).resolve().parents[2]
SERVERS = ("uvicorn", "daphne")
LOOPBACK = ("localhost", "127.", "[::1]")
# In an address whose host nobody has told.
UNKNOWN = "NAME"


@dataclass(frozen=True, slots=True)
class Config:
    """Where AURA lives and listens. `environment` is what child processes get."""

    root: Path
    data: Path
    host: str
    port: int
    environment: Mapping[str, str]
    server: str = SERVERS[0]
    # Where people reach AURA when that is by HTTPS alone.
    public: str = ""

    @classmethod
    def load(cls, root: Path = ROOT) -> "Config":
        """Return the configuration from the environment, then `.env`. Raises LauncherError."""
        try:
            values = dotenv.merged(root / ".env", os.environ)
        except dotenv.DotenvError as error:
            raise LauncherError(str(error)) from None
        try:
            port = int(values.get("AURA_PORT") or 8000)
        except ValueError:
            raise LauncherError(f"AURA_PORT is {values['AURA_PORT']!r}: give a number from 1 to 65535.") from None
        if not 1 <= port <= 65_535:
            raise LauncherError(f"AURA_PORT is {port}: give a number from 1 to 65535.")
        server = values.get("AURA_SERVER") or SERVERS[0]
        if server not in SERVERS:
            raise LauncherError(f"AURA_SERVER is {server!r}: give one of {', '.join(SERVERS)}.")
        data = Path(values.get("AURA_DATA_DIR") or root / "var").resolve()
        environment = {**os.environ, "AURA_DATA_DIR": str(data), "PYTHONUNBUFFERED": "1"}
        environment.setdefault("DJANGO_SETTINGS_MODULE", "aura_site.settings")
        return cls(root, data, values.get("AURA_HOST") or "127.0.0.1", port, environment, server, _public(values))

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    @property
    def python(self) -> Path:
        """The interpreter that everything runs with: that of AURA_VENV when it is set, else of `.venv`."""
        given = os.environ.get("AURA_VENV")
        folder = Path(given) if given else self.venv
        return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")

    @property
    def managed(self) -> bool:
        """Whether the launcher looks after the environment itself."""
        return not os.environ.get("AURA_VENV")

    @property
    def address(self) -> str:
        """The address for a browser."""
        return self.public or self.url

    @property
    def url(self) -> str:
        """The address on this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return f"http://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{self.port}"


def given(path: str) -> Path:
    """Return the file that a caller means, who stands in another folder than `./aura` works in."""
    return Path(os.environ.get("AURA_CALLED_IN_", "")).joinpath(path).absolute()


def _public(values: Mapping[str, str]) -> str:
    """Return the address that browsers use with AURA_HTTPS, with NAME in it when none is known; empty without."""
    if not dotenv.truth(values.get("AURA_HTTPS", "")):
        return ""
    origins = (origin.strip().rstrip("/") for origin in values.get("AURA_TRUSTED_ORIGINS", "").split(","))
    names = (name.strip() for name in values.get("AURA_ALLOWED_HOSTS", "").split(","))
    known = [
        *(origin for origin in origins if origin.startswith("https://")),
        *(f"https://{name}" for name in names if name and not name.startswith((".", "*", *LOOPBACK))),
    ]
    return known[0] if known else f"https://{UNKNOWN}"
