"""Numbers of the protocol: modes, control actions, faults and close codes (docs/reference/protocol.md)."""

from enum import IntEnum


class Mode(IntEnum):
    """How a session groups the chunks of a stream into frames (section 9)."""

    COMPLETE = 0
    SENTENCE = 1
    TOKEN = 2


class Action(IntEnum):
    """What a CONTROL frame asks for (section 5.7)."""

    PAUSE = 1
    RESUME = 2
    CANCEL = 3
    MODE = 4
    BARGE_IN = 5
    DRAIN = 6


class Reliability(IntEnum):
    """What a subscription promises (section 15)."""

    EXACTLY_ONCE = 0
    AT_LEAST_ONCE = 1
    AT_MOST_ONCE = 2


class Priority(IntEnum):
    """How much of a session's bandwidth a channel gets while others want some too (section 8)."""

    NORMAL = 0
    URGENT = 1
    BULK = 2


class LibraryAction(IntEnum):
    """What a LIBRARY frame says (section 5.8)."""

    OFFER = 1
    ACK = 2
    NEED = 3
    RETIRE = 4
    PRIMED = 5


class VoiceAction(IntEnum):
    """What a VOICE frame says (section 17): to 15 from the client, from 16 on from the server."""

    LISTEN = 1
    BEGIN = 2
    END = 3
    MUTE = 4
    READY = 16
    HEARD = 17
    PARTIAL = 18
    TRANSCRIPT = 19
    PASSED = 20
    SPEAKING = 21
    SPOKEN = 22
    STOPPED = 23
    MUTED = 24
    REPORT = 25


class VoiceStyle(IntEnum):
    """Who says where a turn begins and ends."""

    HANDS_FREE = 0
    PUSH_TO_TALK = 1


class Finish(IntEnum):
    """Why a stream that ended well ended (section 5.5)."""

    STOP = 0
    LENGTH = 1
    CANCELLED = 2
    TOOL_CALL = 3
    CONTENT_FILTER = 4


class FaultCode(IntEnum):
    """What went wrong (section 10). `retry` says whether the same again may work."""

    MALFORMED = 1
    CORRUPT = 2
    UNKNOWN_STREAM = 3
    RESUME_IMPOSSIBLE = 4
    CONFLICT = 5
    TOO_LARGE = 6
    TOO_MANY_STREAMS = 7
    RATE_LIMITED = 8
    OVERLOADED = 9
    NO_MODEL = 10
    PROVIDER_FAILED = 11
    PROVIDER_CUT = 12
    PROVIDER_TIMEOUT = 13
    BUDGET_EXHAUSTED = 14
    INTERRUPTED = 15
    INTERNAL = 16
    UNKNOWN_LIBRARY = 17
    EMPTY_PROMPT = 18
    NOT_ALLOWED = 19
    BAD_AUDIO = 20
    NO_VOICE = 21
    SPEECH_FAILED = 22

    @property
    def label(self) -> str:
        """The name in lower case, as documents, JSON and the record write it."""
        return self.name.lower()

    @property
    def retry(self) -> bool:
        return self in _RETRY

    @classmethod
    def named(cls, label: str) -> "FaultCode":
        """Return the code with that label, INTERNAL for one that is not in the table."""
        return cls.__members__.get(label.upper(), cls.INTERNAL)


_RETRY = frozenset(
    {
        FaultCode.CORRUPT,
        FaultCode.TOO_MANY_STREAMS,
        FaultCode.RATE_LIMITED,
        FaultCode.OVERLOADED,
        FaultCode.PROVIDER_FAILED,
        FaultCode.PROVIDER_CUT,
        FaultCode.PROVIDER_TIMEOUT,
        FaultCode.INTERRUPTED,
        FaultCode.INTERNAL,
        FaultCode.UNKNOWN_LIBRARY,
        FaultCode.SPEECH_FAILED,
    }
)


class CloseCode(IntEnum):
    """Why a session ended (section 11). The range is the client's duty; see `duty`."""

    NORMAL = 1000
    GOING_AWAY = 1001
    DRAINING = 4000
    STALE = 4001
    INTERNAL_ERROR = 4100
    TOO_MANY_SESSIONS = 4101
    OVERLOADED = 4102
    BAD_FRAME = 4200
    UNAUTHENTICATED = 4201
    FORBIDDEN_ORIGIN = 4202
    UNSUPPORTED_VERSION = 4203
    FRAME_TOO_LARGE = 4204
    SIGNED_OUT = 4205
    REPLACED = 4206


def duty(code: int) -> str:
    """Return what a client does after close code `code`: "stop", "reconnect" (at once) or "backoff"."""
    if code == CloseCode.NORMAL or 4200 <= code <= 4299:
        return "stop"
    if code == CloseCode.GOING_AWAY or 4000 <= code <= 4099:
        return "reconnect"
    return "backoff"
