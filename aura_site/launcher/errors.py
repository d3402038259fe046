"""The one error that the launcher shows to people."""


class LauncherError(Exception):
    """Something that a person can mend; the message is one sentence that says how."""
