"""How AURA's faults and close codes look as the status of a gRPC call (docs/reference/grpc.md)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2

from audit.errors import AuditError
from streaming.errors import StreamingError
from streaming.protocol.codes import CloseCode, FaultCode

DOMAIN = "aura"
# Trailing metadata: the details that every gRPC library reads (google.rpc.Status), and the wait that a client with a
# retry policy keeps to (gRFC A6).
DETAILS_KEY = "grpc-status-details-bin"
PUSHBACK_KEY = "grpc-retry-pushback-ms"
CLOSE_CODE_KEY = "aura-close-code"

Code = grpc.StatusCode
STATUS = {
    FaultCode.MALFORMED: Code.INVALID_ARGUMENT,
    FaultCode.CORRUPT: Code.DATA_LOSS,
    FaultCode.UNKNOWN_STREAM: Code.NOT_FOUND,
    FaultCode.RESUME_IMPOSSIBLE: Code.FAILED_PRECONDITION,
    FaultCode.CONFLICT: Code.ALREADY_EXISTS,
    FaultCode.TOO_LARGE: Code.INVALID_ARGUMENT,
    FaultCode.TOO_MANY_STREAMS: Code.RESOURCE_EXHAUSTED,
    FaultCode.RATE_LIMITED: Code.RESOURCE_EXHAUSTED,
    FaultCode.OVERLOADED: Code.UNAVAILABLE,
    FaultCode.NO_MODEL: Code.FAILED_PRECONDITION,
    FaultCode.PROVIDER_FAILED: Code.UNAVAILABLE,
    FaultCode.PROVIDER_CUT: Code.ABORTED,
    FaultCode.PROVIDER_TIMEOUT: Code.UNAVAILABLE,
    FaultCode.BUDGET_EXHAUSTED: Code.RESOURCE_EXHAUSTED,
    FaultCode.INTERRUPTED: Code.ABORTED,
    FaultCode.INTERNAL: Code.INTERNAL,
    FaultCode.UNKNOWN_LIBRARY: Code.FAILED_PRECONDITION,
    FaultCode.EMPTY_PROMPT: Code.INVALID_ARGUMENT,
    FaultCode.NOT_ALLOWED: Code.PERMISSION_DENIED,
    FaultCode.BAD_AUDIO: Code.INVALID_ARGUMENT,
    FaultCode.NO_VOICE: Code.UNIMPLEMENTED,
    FaultCode.SPEECH_FAILED: Code.UNAVAILABLE,
}
CLOSED = {
    CloseCode.DRAINING: Code.UNAVAILABLE,
    CloseCode.STALE: Code.UNAVAILABLE,
    CloseCode.INTERNAL_ERROR: Code.INTERNAL,
    CloseCode.TOO_MANY_SESSIONS: Code.RESOURCE_EXHAUSTED,
    CloseCode.OVERLOADED: Code.RESOURCE_EXHAUSTED,
    CloseCode.BAD_FRAME: Code.INVALID_ARGUMENT,
    CloseCode.UNAUTHENTICATED: Code.UNAUTHENTICATED,
    CloseCode.UNSUPPORTED_VERSION: Code.FAILED_PRECONDITION,
    CloseCode.FRAME_TOO_LARGE: Code.INVALID_ARGUMENT,
}


class Refusal(Exception):
    """A call that ends with another status than OK. `retry_after` in milliseconds, 0 for no advice."""

    def __init__(self, status: grpc.StatusCode, reason: str, message: str, retry_after: int = 0) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.retry_after = retry_after
        self.close_code: CloseCode | None = None

    @classmethod
    def of_fault(cls, code: FaultCode, message: str, retry_after: int = 0) -> "Refusal":
        """Return the status for a fault."""
        return cls(STATUS[code], code.label, message, retry_after)

    @classmethod
    def of_close(cls, code: CloseCode, message: str = "") -> "Refusal":
        """Return the status for the end of a session."""
        label = code.name.lower()
        refusal = cls(CLOSED.get(code, Code.UNKNOWN), label, message or label.replace("_", " "))
        refusal.close_code = code
        return refusal

    def metadata(self) -> tuple[tuple[str, str | bytes], ...]:
        """Return the trailing metadata."""
        details = [error_details_pb2.ErrorInfo(reason=self.reason.upper(), domain=DOMAIN)]
        found: list[tuple[str, str | bytes]] = []
        if self.retry_after:
            wait = duration_pb2.Duration()
            wait.FromMilliseconds(self.retry_after)
            details.append(error_details_pb2.RetryInfo(retry_delay=wait))
            found.append((PUSHBACK_KEY, str(self.retry_after)))
        if self.close_code is not None:
            found.append((CLOSE_CODE_KEY, str(int(self.close_code))))
        status = status_pb2.Status(code=code_pb2.Code.Value(self.status.name), message=str(self))
        for detail in details:
            packed = any_pb2.Any()
            packed.Pack(detail)
            status.details.append(packed)
        return ((DETAILS_KEY, status.SerializeToString()), *found)

    async def end(self, context: Any) -> NoReturn:
        """End the call."""
        await context.abort(self.status, str(self), self.metadata())
        raise AssertionError("abort does not return")


@contextmanager
def as_refusals() -> Iterator[None]:
    """Turn the errors of the apps into the status that answers a call."""
    try:
        yield
    except StreamingError as error:
        raise Refusal.of_fault(error.code, str(error), round((error.retry_after or 0) * 1000)) from None
    except AuditError as error:
        raise Refusal.of_fault(FaultCode.named(getattr(error, "code", "")), str(error)) from error
