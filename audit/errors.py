"""Errors of the record.

AuditError             has a `code`, the name of a fault in docs/reference/protocol.md
├── NotAllowed         a conversation of another user
├── OnHold             a legal hold forbids to erase
├── NotFound           nothing of that name or number is on the record
├── Conflict           an event that stands on the record already
└── RecordUnavailable  the database did not take the event: disk full, locked too long, gone
"""


class AuditError(Exception):
    """The record could not do what was asked."""

    code = "internal"


class NotAllowed(AuditError):
    code = "not_allowed"


class OnHold(AuditError):
    code = "not_allowed"


class NotFound(AuditError):
    code = "unknown_stream"


class Conflict(AuditError):
    code = "conflict"


class RecordUnavailable(AuditError):
    code = "overloaded"
