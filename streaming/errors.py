"""Errors of the app.

StreamingError          has a `code` of the protocol and says whether the same again may work
├── UnknownStream       no stream of this user has that name
├── NameTaken           the same name or key again, for another question
├── ResumeImpossible    another epoch, or an offset that is not kept
├── TooManyStreams      the user's limit is reached
├── TooLarge            a prompt over the message limit
├── EmptyPrompt         a prompt without text
├── Malformed           a request that makes no sense
├── ReadOnly            a topic that only the server writes
├── Refused             no model takes the question, or no budget has room for it
├── RateLimited         more than the user's share in a short time
├── Overloaded          the server sheds load
└── Draining            the server takes no new work
"""

from streaming.protocol.codes import FaultCode


class StreamingError(Exception):
    """A request that cannot be answered with a stream. `retry_after` in seconds, None for no advice."""

    code = FaultCode.INTERNAL
    retry_after: float | None = None


class UnknownStream(StreamingError):
    code = FaultCode.UNKNOWN_STREAM


class NameTaken(StreamingError):
    code = FaultCode.CONFLICT


class ResumeImpossible(StreamingError):
    code = FaultCode.RESUME_IMPOSSIBLE


class TooManyStreams(StreamingError):
    code = FaultCode.TOO_MANY_STREAMS
    retry_after = 5.0


class TooLarge(StreamingError):
    code = FaultCode.TOO_LARGE


class EmptyPrompt(StreamingError):
    code = FaultCode.EMPTY_PROMPT


class Malformed(StreamingError):
    code = FaultCode.MALFORMED


class ReadOnly(StreamingError):
    code = FaultCode.NOT_ALLOWED


class Refused(StreamingError):
    def __init__(self, message: str, code: FaultCode, retry_after: float | None) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after = retry_after


class RateLimited(StreamingError):
    code = FaultCode.RATE_LIMITED

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Overloaded(StreamingError):
    code = FaultCode.OVERLOADED

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Draining(StreamingError):
    code = FaultCode.OVERLOADED
    retry_after = 1.0
