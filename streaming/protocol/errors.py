"""Errors of the protocol, by whose fault they are.

ProtocolError
├── FrameError      the peer sent bytes that are not a frame: the session ends with `close_code`
└── FaultError      the peer asked for something that cannot be: answered by a FAULT, the session goes on
"""

from streaming.protocol.codes import CloseCode, FaultCode


class ProtocolError(Exception):
    """What a peer did against the protocol."""


class FrameError(ProtocolError):
    """Bytes that are not a frame, or a frame where none of its type may stand."""

    def __init__(self, message: str, close_code: CloseCode = CloseCode.BAD_FRAME) -> None:
        super().__init__(message)
        self.close_code = close_code


class FaultError(ProtocolError):
    """A request that is answered by FAULT with `code` on `channel`; `retry_after` in milliseconds. `event` is the id of
    what was to be published."""

    def __init__(
        self, code: FaultCode, message: str, channel: int = 0, retry_after: int = 0, event: bytes = b""
    ) -> None:
        super().__init__(message)
        self.code = code
        self.channel = channel
        self.retry_after = retry_after
        self.event = event
