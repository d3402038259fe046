"""When to ask again, and after how long."""

# Seconds before the first and the second further try, at most; chance takes a part of it away ("full jitter", AWS
# Architecture Blog, 2015), so that callers who failed together do not come back together.
BASE_S = 0.2
LIMIT_S = 2.0


def pause(attempt: int, chance: float, retry_after: float | None) -> float | None:
    """Return the seconds to wait before try number `attempt` (the first further one is 1), None for not at all.

    `chance` is from 0 to 1. An endpoint that names a time (`retry_after`) is obeyed when that is short; a user does not wait
    for a longer one.
    """
    if retry_after is not None:
        return retry_after if retry_after <= LIMIT_S else None
    longest: float = min(LIMIT_S, BASE_S * 2.0 ** (attempt - 1))
    return longest * chance
