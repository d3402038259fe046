"""When to try again: exponential backoff with full jitter (Brooker, AWS Architecture Blog, 2015). Pure."""

from dataclasses import dataclass


@dataclass(slots=True)
class Backoff:
    """The pauses between attempts to reach a server. All times in seconds.

    `patience` is how long nothing but failures is put up with, from the first one on.
    """

    first: float = 0.25
    limit: float = 15.0
    patience: float = 120.0
    attempts: int = 0
    since: float = 0.0

    def failed(self, now: float, chance: float, least: float = 0.0) -> float | None:
        """Return how long to wait before the next attempt, None when patience is over.

        `chance` is a random number from 0 to 1; `least` is what the server asked for.
        """
        if not self.attempts:
            self.since = now
        ceiling = min(self.limit, self.first * 2 ** min(self.attempts, 16))
        self.attempts += 1
        pause = max(least, ceiling * chance)
        return pause if now + pause - self.since <= self.patience else None

    def succeeded(self) -> None:
        """Begin anew with the next failure."""
        self.attempts = 0
