"""What a server process looks after while it runs."""

from uuid import uuid4

import pytest
from channels.db import database_sync_to_async

from audit import erasure, selectors
from routing_ai.cache import Cached, cache
from routing_ai.hybrid import engine
from streaming.messages import Message
from streaming.registry import Registry, registry
from streaming.services import forget_erased
from streaming.streams import Stream
from tests.audit.scenario import converse


def remember(kept: Registry) -> Message:
    """Fill what a process keeps in memory."""
    message = Message(user_id=1, actor="ada", conversation=uuid4(), stream=uuid4(), text="Who am I?")
    stream = Stream(message, None, window=1_000, grace=1.0, replay=None)  # type: ignore[arg-type]
    kept.ended.keep(stream)
    cache.put(b"key", Cached("You are Ada.", "m", "nano", 1, 1, 0.0, 0.0), 600.0)
    engine.predictor("user 1")
    return message


@pytest.mark.django_db(transaction=True)
async def test_an_erasure_anywhere_empties_the_memory_of_every_process() -> None:
    await database_sync_to_async(converse)("ada", "Who am I?", "You are Ada.")
    before = await forget_erased(0)
    message = remember(registry)
    assert await forget_erased(before) == before
    assert registry.ended.get(1, message.stream) is not None
    assert len(cache) == len(engine._predictors) == 1

    def erase() -> None:
        subject = selectors.subject_named("ada")
        assert subject is not None
        erasure.erase_subject(subject, by="officer", reason="asked for")

    await database_sync_to_async(erase)()
    assert await forget_erased(before) == before + 1
    assert registry.ended.get(1, message.stream) is None
    assert len(cache) == len(engine._predictors) == 0
