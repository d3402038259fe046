"""Errors of the jobs. Each has a `code` of the protocol, the HTTP `status` it has before an answer has begun, and says
whether coming back may help (`recoverable`).

JobError
├── NotSignedIn       no user
├── Forbidden         another site's page, or a password that must be changed first
├── UnknownJob        no job of this user has that name
├── Gone              its input is not kept any more
├── Mismatch          the upload goes on elsewhere than the client thinks, or the job is another endpoint's
├── Unfinished        a Mismatch: an upload is said to be over before all of it has come
├── Unreadable        a body or parameter that makes no sense
├── WrongKind         a content type that is not taken
├── InputTooLarge     more than the limit, or than the disk may hold
├── Busy              too many jobs, the server stops, a worker was lost
├── Cancelled         by the user or the operator
└── Replaced          the same client has come back on another line
"""

from typing import Any

from streaming.protocol.codes import FaultCode


class JobError(Exception):
    """What is wrong, in a sentence that says what to do. `details` go into the JSON of the answer."""

    code = FaultCode.INTERNAL
    status = 500
    recoverable = False
    retry_after: int | None = None

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.details = details


class NotSignedIn(JobError):
    code, status = FaultCode.NOT_ALLOWED, 401


class Forbidden(JobError):
    code, status = FaultCode.NOT_ALLOWED, 403


class UnknownJob(JobError):
    code, status = FaultCode.UNKNOWN_STREAM, 404


class Gone(JobError):
    code, status = FaultCode.RESUME_IMPOSSIBLE, 410


class Mismatch(JobError):
    code, status = FaultCode.CONFLICT, 409


class Unfinished(Mismatch):
    recoverable = True


class Unreadable(JobError):
    code, status = FaultCode.MALFORMED, 422


class WrongKind(JobError):
    code, status = FaultCode.MALFORMED, 415


class InputTooLarge(JobError):
    code, status = FaultCode.TOO_LARGE, 413


class Busy(JobError):
    code, status, recoverable, retry_after = FaultCode.OVERLOADED, 503, True, 2


class TooManyJobs(Busy):
    code, status = FaultCode.TOO_MANY_STREAMS, 429


class Cancelled(JobError):
    code, status = FaultCode.INTERRUPTED, 410


class Replaced(JobError):
    code, status = FaultCode.CONFLICT, 409
