"""How long to wait before trying again. Pure."""

from dataclasses import dataclass


@dataclass(slots=True)
class Backoff:
    """Pauses in seconds that double up to a limit, each of random length (full jitter; Brooker, AWS Architecture Blog,
    2015), so that many who wait for the same broker do not come back together.

    The limit is what a bridge may sleep on when its broker is back; a try that fails costs some milliseconds."""

    first: float = 0.1
    limit: float = 3.0
    attempts: int = 0

    def failed(self, chance: float) -> float:
        """Return how long to wait now; `chance` is a random number from 0 to 1."""
        ceiling = min(self.limit, self.first * 2 ** min(self.attempts, 16))
        self.attempts += 1
        return ceiling * chance

    def succeeded(self) -> None:
        """Begin anew with the next failure."""
        self.attempts = 0
