"""The record in the admin."""

from audit.admin import conversation, ledger, privacy, review  # noqa: F401 - each registers its tables
from audit.admin.base import ReadOnlyAdmin, plain

__all__ = ["ReadOnlyAdmin", "plain"]
