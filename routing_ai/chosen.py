"""The models that the admin chose for the tiers, as far as this process knows."""

import time

from routing_ai.models import TierModel
from routing_ai.policy.tiers import Tier

# Seconds after which changes made in another process are noticed.
REFRESH_S = 10.0


class Chosen:
    """Rows that are read again when they are old; `version` rises when they change."""

    def __init__(self) -> None:
        self._rows: tuple[TierModel, ...] = ()
        self._read_at: float | None = None
        self.version = 0

    @property
    def known(self) -> bool:
        """Whether they were ever read."""
        return self._read_at is not None

    def of(self, tier: Tier) -> list[TierModel]:
        """Return the models of a tier, that which is asked first in front."""
        return [row for row in self._rows if row.tier == tier]

    def refresh(self) -> None:
        """Read the rows again when that was REFRESH_S ago. Asks the database: call it in a thread."""
        now = time.monotonic()
        if self._read_at is not None and now - self._read_at < REFRESH_S:
            return
        rows = tuple(TierModel.objects.filter(active=True).order_by("position", "pk"))
        self._read_at = now
        if [row.content for row in rows] != [row.content for row in self._rows]:
            self._rows = rows
            self.version += 1

    def forget(self) -> None:
        """Read them again at the next occasion."""
        self._read_at = None

    def clear(self) -> None:
        """Know nothing."""
        self.forget()
        self._rows = ()
        self.version += 1
