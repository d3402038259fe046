"""What the launcher needs to know: folders, address, environment."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aura_site.launcher.errors import LauncherError

ROOT = Path(__file__).resolve().parents[2]


def read_dotenv(path: Path) -> dict[str, str]:
    """Return the `NAME=value` lines of a file; quotes around a value are dropped, as django-environ does."""
    found: dict[str, str] = {}
    if not path.is_file():
        return found
    for line in path.read_text().splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if not equals or name.startswith("#"):
            continue
        value = value.strip()
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        found[name.strip()] = value
    return found


@dataclass(frozen=True, slots=True)
class Config:
    """Where AURA lives and listens. `environment` is what child processes get."""

    root: Path
    data: Path
    host: str
    port: int
    environment: Mapping[str, str]

    @classmethod
    def load(cls, root: Path = ROOT) -> "Config":
        """Return the configuration from the environment, then `.env`. Raises LauncherError."""
        values = {**read_dotenv(root / ".env"), **os.environ}
        try:
            port = int(values.get("AURA_PORT") or 8000)
        except ValueError:
            raise LauncherError(f"AURA_PORT is {values['AURA_PORT']!r}: give a number from 1 to 65535.") from None
        if not 1 <= port <= 65_535:
            raise LauncherError(f"AURA_PORT is {port}: give a number from 1 to 65535.")
        data = Path(values.get("AURA_DATA_DIR") or root / "var").resolve()
        environment = {**os.environ, "AURA_DATA_DIR": str(data), "PYTHONUNBUFFERED": "1"}
        environment.setdefault("DJANGO_SETTINGS_MODULE", "aura_site.settings")
        return cls(root, data, values.get("AURA_HOST") or "127.0.0.1", port, environment)

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
    def url(self) -> str:
        """The address for a browser on this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)
        return f"http://{host}:{self.port}"
