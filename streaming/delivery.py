"""What went over the wire, put on the record: one entry for each stream that a client has read."""

from contextlib import suppress

from audit.errors import AuditError
from audit.journal import journal
from audit.records.event import Kind
from streaming import recorded
from streaming.messages import Message
from streaming.tally import Tally


def account(message: Message, session: str, tally: Tally) -> None:
    """Record the counts of an answer to `message`, unless nothing was sent; nobody waits for it."""
    if tally.payloads:
        meta = {"session": session, "direction": "down", **tally.summary()}
        with suppress(AuditError):
            journal().submit([recorded.entry(message, Kind.DELIVERY, meta=meta)], patient=True)
