"""Secrets kept in files that only their owner can read, made on first use."""

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def read_or_create(variable: str, path: Path) -> str:
    """Return the secret in the environment variable `variable`, else the one in the file `path` (see `kept`)."""
    return os.environ.get(variable) or kept(path)


def kept(path: Path) -> str:
    """Return the secret in the file `path`.

    A missing file is made with 50 random bytes (URL-safe text), mode 0600, in a folder of mode 0700. Two
    processes that start at once agree: the file is linked into place whole, and the first one wins. Raises
    ImproperlyConfigured when it can be neither read nor made.
    """
    try:
        return _kept(path)
    except OSError as error:
        raise ImproperlyConfigured(
            f"{path} can be neither read nor made ({error.strerror}): mend that, or set AURA_DATA_DIR."
        ) from None


def _kept(path: Path) -> str:
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # mkstemp makes a file of its own for each caller, readable by its owner alone.
        descriptor, name = tempfile.mkstemp(dir=path.parent)
        draft = Path(name)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(50))
            with suppress(FileExistsError):
                path.hardlink_to(draft)
        finally:
            draft.unlink()
    return path.read_text().strip()
