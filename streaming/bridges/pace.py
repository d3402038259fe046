"""How many messages to take at a time. Pure."""

from dataclasses import dataclass

# Seconds over a batch: with less, the next one may be larger, so that a commit costs each message less; with more it is
# smaller, so that nobody waits long for the database and large messages do not fill the memory.
QUICK, LONG = 0.25, 1.0


@dataclass(slots=True)
class Pace:
    """A limit that doubles and halves with the time that a batch takes."""

    least: int = 25
    most: int = 2_000
    limit: int = 500

    def took(self, count: int, seconds: float) -> None:
        """Learn how long so many messages took."""
        if seconds > LONG:
            self.limit = max(self.least, min(self.limit, count) // 2)
        elif seconds < QUICK and count >= self.limit:
            self.limit = min(self.most, 2 * self.limit)
