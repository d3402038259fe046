"""Which store the settings ask for. Redis' library takes two thirds of a second to load, so only who needs it does."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from django.conf import settings

from streaming.replay.base import Replay
from streaming.replay.local import LocalReplay


def make(on_message: Callable[[dict[str, Any]], None]) -> Replay:
    """Return the store that this process shares with others, who call `on_message` here; without REDIS_URL it has none."""
    if not settings.REDIS_URL:
        return LocalReplay()
    from streaming.replay.redis import RedisReplay

    return RedisReplay(settings.REDIS_URL, settings.STREAMING_REPLAY_TIME, on_message)


def forget(*, streams: Sequence[UUID], **_said: Any) -> None:
    """Delete the events of streams that were erased (see `audit.signals`)."""
    if settings.REDIS_URL:
        from streaming.replay import redis

        redis.erase(settings.REDIS_URL, streams)
