"""What a client asks for, as `ServerSession.receive` says it to the shell."""

from dataclasses import dataclass
from typing import TypeAlias

from streaming.protocol import frames
from streaming.protocol.codes import Priority, Reliability


@dataclass(frozen=True, slots=True)
class Greeted:
    """HELLO came; the shell answers with `welcome`."""

    hello: frames.Hello


@dataclass(frozen=True, slots=True)
class Asked:
    """A question came; the shell decodes its payload, asks, and calls `open`, or answers with a fault."""

    prompt: frames.Prompt


@dataclass(frozen=True, slots=True)
class ResumeAsked:
    """The client wants the stream from that offset on; the shell calls `open` or answers with a fault."""

    channel: int
    stream: bytes
    epoch: int
    offset: int
    priority: Priority = Priority.NORMAL


@dataclass(frozen=True, slots=True)
class SubscribeAsked:
    """The client wants the events of a topic; the shell calls `open` or answers with a fault."""

    frame: frames.Resume
    reliability: Reliability
    priority: Priority


@dataclass(frozen=True, slots=True)
class PublishAsked:
    """The client publishes an event; the shell answers with a receipt or a fault."""

    frame: frames.Publish


@dataclass(frozen=True, slots=True)
class Acked:
    """The client has what came on the channel of a topic below that offset."""

    channel: int
    offset: int


@dataclass(frozen=True, slots=True)
class CancelAsked:
    """The user no longer wants the answer."""

    channel: int
    stream: bytes


@dataclass(frozen=True, slots=True)
class LibraryAcked:
    """The client holds the library that was offered under that index."""

    index: int


@dataclass(frozen=True, slots=True)
class LibraryPrimed:
    """The client has primed the model of the library under that index; the shell answers when the server has too."""

    index: int


@dataclass(frozen=True, slots=True)
class VoiceCame:
    """A frame about speech, or of it; the shell passes it to the voice of the session, or answers with a fault."""

    frame: frames.Voice | frames.Audio


@dataclass(frozen=True, slots=True)
class BargeInAsked:
    """The user wants the voice to be silent, and its answer to end."""


SessionEvent: TypeAlias = (
    Greeted
    | Asked
    | ResumeAsked
    | SubscribeAsked
    | PublishAsked
    | Acked
    | CancelAsked
    | LibraryAcked
    | LibraryPrimed
    | VoiceCame
    | BargeInAsked
)
