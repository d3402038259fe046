"""A message that asks for a stream, with what routes its answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Message:
    """What one user says.

    `stream` names the answer, `actor` is how the record names the user, `model` the tier or model asked for (empty: the
    router's choice), `meta` goes on the record with the message (method and bytes on the wire, for example).
    """

    user_id: int
    actor: str
    conversation: UUID
    stream: UUID
    text: str
    model: str = ""
    meta: Mapping[str, object] = field(default_factory=dict)
