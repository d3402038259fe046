"""A message that asks for a stream, with what routes its answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid5

from streaming.identifiers import new_identifier
from streaming.protocol.codes import Priority

# Characters of a key under which a client may ask the same again.
KEY_LIMIT = 255


@dataclass(frozen=True, slots=True)
class Message:
    """What one user says.

    `stream` names the answer, `actor` is how the record names the user, `model` the tier or model asked for (empty: the
    router's choice), `meta` goes on the record with the message (method and bytes on the wire, for example).
    `by_program` says that a program asks, many things at once perhaps, and not a person. `after` is the stream of the
    question that this one stands behind: NOWHERE for the beginning of the conversation, None for behind the newest.
    `content` is what the model is given in the place of the text: parts in OpenAI's form, where there are pictures.
    """

    user_id: int
    actor: str
    conversation: UUID
    stream: UUID
    text: str
    model: str = ""
    meta: Mapping[str, object] = field(default_factory=dict)
    priority: Priority = Priority.NORMAL
    by_program: bool = False
    after: UUID | None = None
    content: Sequence[Mapping[str, Any]] | None = None


def stream_name(user_id: int, key: str) -> UUID:
    """Return the name of an answer: the same for the same key of the same user (RFC 9562, version 5), else a new one."""
    return uuid5(UUID(int=user_id), key) if key else new_identifier()
