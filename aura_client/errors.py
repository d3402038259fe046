"""What can go wrong for good. A broken line, a server that stops and one that is restarted are not among these."""


class AuraError(Exception):
    """The one base of this package's errors."""


class Refused(AuraError):
    """AURA refused a question, or an answer failed. `code` is a name of docs/reference/protocol.md, section 10.

    `retry` says whether the same question, asked anew, may work; `retry_after` after how many seconds, None for no advice.
    """

    def __init__(self, code: str, message: str, *, retry: bool = False, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.retry = retry
        self.retry_after = retry_after


class Closed(AuraError):
    """The server ended the session with a close code that says not to come back (section 11)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{reason or 'the server ended the session'} (close code {code})")
        self.code = code


class Unreachable(AuraError):
    """No server could be reached for as long as the client was told to try."""


class Damaged(AuraError):
    """An answer arrived damaged twice at the same place."""
