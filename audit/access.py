"""The log of who saw or took what, when and why: entries of the kind `access` on the ledger."""

from collections.abc import Iterable
from uuid import UUID

from audit import tracking
from audit.journal import journal
from audit.records.event import NOWHERE, Event, Json, Kind


def log_access(
    actor: str,
    what: str,
    why: str,
    *,
    conversation: UUID = NOWHERE,
    conversations: Iterable[UUID] = (),
    **details: Json,
) -> None:
    """Put on the ledger that `actor` sees or takes something, before it is shown. Raises RecordUnavailable.

    `what` is the act (`viewed`, `exported`, `searched` ...), `why` the purpose that was stated. Not to be called inside a
    transaction.
    """
    several: list[Json] = [str(one) for one in conversations]
    meta: dict[str, Json] = {"why": why, **({"conversations": several} if several else {}), **details}
    event: Event = tracking.system_event(Kind.ACCESS, what, actor=actor, conversation=conversation, meta=meta)
    journal().submit([event]).result()
