"""Secrets kept in files that only their owner can read, made on first use."""

import os
import secrets
from pathlib import Path


def read_or_create(variable: str, path: Path) -> str:
    """Return the secret in the environment variable `variable`, else the one in the file `path`.

    A missing file is made with 50 random bytes (URL-safe text), mode 0600, in a folder of mode 0700. Two
    processes that start at once agree: the file is linked into place whole, and the first one wins.
    """
    given = os.environ.get(variable)
    if given:
        return given
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(50))
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()
