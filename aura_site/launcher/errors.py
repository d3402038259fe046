"""The one error that the launcher shows to people, and its words for what the system refuses."""

import errno
import os
from pathlib import Path


class LauncherError(Exception):
    """Something that a person can mend; the message is one sentence that says how."""


def explained(error: Exception, data: Path) -> str:
    """Return one sentence for what the system or the database refused; `data` is the data folder."""
    if is_full(error):
        return f"The disk is full: make room in {data} and start again."
    if isinstance(error, OSError):
        return f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"
    return f"The database does not do it ({str(error).strip().partition(chr(10))[0]})."


def is_full(error: Exception) -> bool:
    """Return whether there was no room. SQLite and shutil say so in words only."""
    told = str(error)
    return (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)) or any(
        words in told for words in ("disk is full", os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT))
    )
