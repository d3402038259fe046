"""The backend. Without turns, a writer that finds the database locked sleeps and tries again, up to 100 ms at a time, while
one that comes back at once gets in first: under load the ledger of budgets waited a quarter of a second for the journal."""

from typing import Any

from django.db.backends.sqlite3 import base

from aura_site.sqlite3.gate import Gate, gate


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection whose transactions wait for their turn among those of this process. Other processes, and writes outside
    of transactions, meet at SQLite's own lock as before."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._inside: Gate | None = None

    def _start_transaction_under_autocommit(self) -> None:
        turns = gate(str(self.settings_dict["NAME"]))
        # Who has waited so long tries without: a transaction that never ends then shows as it always did, as a lock.
        if turns.enter(self.settings_dict["OPTIONS"].get("timeout", 5)):
            self._inside = turns
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]  # the stubs do not know it
        except BaseException:
            self._leave()
            raise

    def commit(self) -> None:
        try:
            super().commit()
        finally:
            self._leave()

    def rollback(self) -> None:
        try:
            super().rollback()
        finally:
            self._leave()

    def close(self) -> None:
        try:
            super().close()
        finally:
            self._leave()

    def _leave(self) -> None:
        inside, self._inside = self._inside, None
        if inside is not None:
            inside.leave()
