from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Priority(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRIORITY_NORMAL: _ClassVar[Priority]
    PRIORITY_URGENT: _ClassVar[Priority]
    PRIORITY_BULK: _ClassVar[Priority]

class Finish(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FINISH_STOP: _ClassVar[Finish]
    FINISH_LENGTH: _ClassVar[Finish]
    FINISH_CANCELLED: _ClassVar[Finish]
    FINISH_TOOL_CALL: _ClassVar[Finish]
    FINISH_CONTENT_FILTER: _ClassVar[Finish]

class FaultCode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FAULT_UNSPECIFIED: _ClassVar[FaultCode]
    FAULT_MALFORMED: _ClassVar[FaultCode]
    FAULT_CORRUPT: _ClassVar[FaultCode]
    FAULT_UNKNOWN_STREAM: _ClassVar[FaultCode]
    FAULT_RESUME_IMPOSSIBLE: _ClassVar[FaultCode]
    FAULT_CONFLICT: _ClassVar[FaultCode]
    FAULT_TOO_LARGE: _ClassVar[FaultCode]
    FAULT_TOO_MANY_STREAMS: _ClassVar[FaultCode]
    FAULT_RATE_LIMITED: _ClassVar[FaultCode]
    FAULT_OVERLOADED: _ClassVar[FaultCode]
    FAULT_NO_MODEL: _ClassVar[FaultCode]
    FAULT_PROVIDER_FAILED: _ClassVar[FaultCode]
    FAULT_PROVIDER_CUT: _ClassVar[FaultCode]
    FAULT_PROVIDER_TIMEOUT: _ClassVar[FaultCode]
    FAULT_BUDGET_EXHAUSTED: _ClassVar[FaultCode]
    FAULT_INTERRUPTED: _ClassVar[FaultCode]
    FAULT_INTERNAL: _ClassVar[FaultCode]
    FAULT_UNKNOWN_LIBRARY: _ClassVar[FaultCode]
    FAULT_EMPTY_PROMPT: _ClassVar[FaultCode]
    FAULT_NOT_ALLOWED: _ClassVar[FaultCode]
    FAULT_BAD_AUDIO: _ClassVar[FaultCode]
    FAULT_NO_VOICE: _ClassVar[FaultCode]
    FAULT_SPEECH_FAILED: _ClassVar[FaultCode]
PRIORITY_NORMAL: Priority
PRIORITY_URGENT: Priority
PRIORITY_BULK: Priority
FINISH_STOP: Finish
FINISH_LENGTH: Finish
FINISH_CANCELLED: Finish
FINISH_TOOL_CALL: Finish
FINISH_CONTENT_FILTER: Finish
FAULT_UNSPECIFIED: FaultCode
FAULT_MALFORMED: FaultCode
FAULT_CORRUPT: FaultCode
FAULT_UNKNOWN_STREAM: FaultCode
FAULT_RESUME_IMPOSSIBLE: FaultCode
FAULT_CONFLICT: FaultCode
FAULT_TOO_LARGE: FaultCode
FAULT_TOO_MANY_STREAMS: FaultCode
FAULT_RATE_LIMITED: FaultCode
FAULT_OVERLOADED: FaultCode
FAULT_NO_MODEL: FaultCode
FAULT_PROVIDER_FAILED: FaultCode
FAULT_PROVIDER_CUT: FaultCode
FAULT_PROVIDER_TIMEOUT: FaultCode
FAULT_BUDGET_EXHAUSTED: FaultCode
FAULT_INTERRUPTED: FaultCode
FAULT_INTERNAL: FaultCode
FAULT_UNKNOWN_LIBRARY: FaultCode
FAULT_EMPTY_PROMPT: FaultCode
FAULT_NOT_ALLOWED: FaultCode
FAULT_BAD_AUDIO: FaultCode
FAULT_NO_VOICE: FaultCode
FAULT_SPEECH_FAILED: FaultCode

class ChatRequest(_message.Message):
    __slots__ = ("text", "conversation", "model", "idempotency_key", "priority", "after")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    text: str
    conversation: str
    model: str
    idempotency_key: str
    priority: Priority
    after: str
    def __init__(self, text: _Optional[str] = ..., conversation: _Optional[str] = ..., model: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., priority: _Optional[_Union[Priority, str]] = ..., after: _Optional[str] = ...) -> None: ...

class ResumeRequest(_message.Message):
    __slots__ = ("stream", "epoch", "offset")
    STREAM_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    stream: str
    epoch: int
    offset: int
    def __init__(self, stream: _Optional[str] = ..., epoch: _Optional[int] = ..., offset: _Optional[int] = ...) -> None: ...

class ChatEvent(_message.Message):
    __slots__ = ("open", "chunk", "done", "fault")
    OPEN_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    FAULT_FIELD_NUMBER: _ClassVar[int]
    open: Open
    chunk: Chunk
    done: Done
    fault: Fault
    def __init__(self, open: _Optional[_Union[Open, _Mapping]] = ..., chunk: _Optional[_Union[Chunk, _Mapping]] = ..., done: _Optional[_Union[Done, _Mapping]] = ..., fault: _Optional[_Union[Fault, _Mapping]] = ...) -> None: ...

class Open(_message.Message):
    __slots__ = ("stream", "epoch", "offset", "conversation")
    STREAM_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    stream: str
    epoch: int
    offset: int
    conversation: str
    def __init__(self, stream: _Optional[str] = ..., epoch: _Optional[int] = ..., offset: _Optional[int] = ..., conversation: _Optional[str] = ...) -> None: ...

class Chunk(_message.Message):
    __slots__ = ("offset", "epoch", "text")
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    offset: int
    epoch: int
    text: str
    def __init__(self, offset: _Optional[int] = ..., epoch: _Optional[int] = ..., text: _Optional[str] = ...) -> None: ...

class Done(_message.Message):
    __slots__ = ("offset", "check", "finish", "model", "tier", "prompt_tokens", "completion_tokens", "cost_nano_usd", "first_token_ms", "duration_ms")
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    CHECK_FIELD_NUMBER: _ClassVar[int]
    FINISH_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    PROMPT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    COMPLETION_TOKENS_FIELD_NUMBER: _ClassVar[int]
    COST_NANO_USD_FIELD_NUMBER: _ClassVar[int]
    FIRST_TOKEN_MS_FIELD_NUMBER: _ClassVar[int]
    DURATION_MS_FIELD_NUMBER: _ClassVar[int]
    offset: int
    check: int
    finish: Finish
    model: str
    tier: str
    prompt_tokens: int
    completion_tokens: int
    cost_nano_usd: int
    first_token_ms: int
    duration_ms: int
    def __init__(self, offset: _Optional[int] = ..., check: _Optional[int] = ..., finish: _Optional[_Union[Finish, str]] = ..., model: _Optional[str] = ..., tier: _Optional[str] = ..., prompt_tokens: _Optional[int] = ..., completion_tokens: _Optional[int] = ..., cost_nano_usd: _Optional[int] = ..., first_token_ms: _Optional[int] = ..., duration_ms: _Optional[int] = ...) -> None: ...

class Fault(_message.Message):
    __slots__ = ("offset", "code", "message", "retry", "retry_after_ms")
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    RETRY_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    offset: int
    code: FaultCode
    message: str
    retry: bool
    retry_after_ms: int
    def __init__(self, offset: _Optional[int] = ..., code: _Optional[_Union[FaultCode, str]] = ..., message: _Optional[str] = ..., retry: _Optional[bool] = ..., retry_after_ms: _Optional[int] = ...) -> None: ...

class CancelRequest(_message.Message):
    __slots__ = ("stream",)
    STREAM_FIELD_NUMBER: _ClassVar[int]
    stream: str
    def __init__(self, stream: _Optional[str] = ...) -> None: ...

class CancelResponse(_message.Message):
    __slots__ = ("cancelled",)
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    cancelled: bool
    def __init__(self, cancelled: _Optional[bool] = ...) -> None: ...

class GetStatsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Stats(_message.Message):
    __slots__ = ("process", "uptime_s", "connections_open", "connections_opened", "streams_open", "streams_opened", "frames_sent", "frame_bytes", "draining")
    PROCESS_FIELD_NUMBER: _ClassVar[int]
    UPTIME_S_FIELD_NUMBER: _ClassVar[int]
    CONNECTIONS_OPEN_FIELD_NUMBER: _ClassVar[int]
    CONNECTIONS_OPENED_FIELD_NUMBER: _ClassVar[int]
    STREAMS_OPEN_FIELD_NUMBER: _ClassVar[int]
    STREAMS_OPENED_FIELD_NUMBER: _ClassVar[int]
    FRAMES_SENT_FIELD_NUMBER: _ClassVar[int]
    FRAME_BYTES_FIELD_NUMBER: _ClassVar[int]
    DRAINING_FIELD_NUMBER: _ClassVar[int]
    process: int
    uptime_s: float
    connections_open: int
    connections_opened: int
    streams_open: int
    streams_opened: int
    frames_sent: int
    frame_bytes: int
    draining: bool
    def __init__(self, process: _Optional[int] = ..., uptime_s: _Optional[float] = ..., connections_open: _Optional[int] = ..., connections_opened: _Optional[int] = ..., streams_open: _Optional[int] = ..., streams_opened: _Optional[int] = ..., frames_sent: _Optional[int] = ..., frame_bytes: _Optional[int] = ..., draining: _Optional[bool] = ...) -> None: ...

class Frame(_message.Message):
    __slots__ = ("data", "goodbye")
    DATA_FIELD_NUMBER: _ClassVar[int]
    GOODBYE_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    goodbye: bool
    def __init__(self, data: _Optional[bytes] = ..., goodbye: _Optional[bool] = ...) -> None: ...
