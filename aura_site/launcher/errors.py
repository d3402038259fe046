"""The one error that the launcher shows to people, and its words for what the system refuses."""

import errno
from pathlib import Path


class LauncherError(Exception):
    """Something that a person can mend; the message is one sentence that says how."""


def explained(error: OSError, data: Path) -> str:
    """Return one sentence for what the system refused; `data` is the data folder."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk is full: make room in {data} and start again."
    return f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"
