"""Start and end of the streaming side of a server process."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from channels.db import database_sync_to_async

from audit import selectors as record
from audit import services as audit_services
from compression import downloads
from routing_ai import services as routing
from streaming import chat, checkpoints
from streaming.connections import connections
from streaming.cycles import cycles
from streaming.hub import hub
from streaming.jobs import services as jobs
from streaming.jobs.active import runs
from streaming.load import load
from streaming.registry import registry
from streaming.speech.engines import engines
from streaming.voice.speakers import speakers

log = logging.getLogger(__name__)

DRAIN_PATIENCE = 5.0
# Seconds between two rounds of what has to be looked after; some of it needs that only every so many rounds.
ROUND = 1.0
HEAL_ROUNDS = 60
HUB_ROUNDS = 5

_housekeeping: list[asyncio.Task[None]] = []


async def startup() -> None:
    """Put an end on the record to streams that nobody will go on with, and begin to look after what runs."""
    # Libraries that only some servers need are loaded before anybody asks.
    registry.prepare()
    engines.prepare()
    routing.prepare()
    cycles.begin()
    _housekeeping.append(asyncio.create_task(_keep_house()))
    _housekeeping.append(asyncio.create_task(load.watch()))


async def _keep_house() -> None:
    number = erasures = 0
    while True:
        try:
            registry.expire()
            cycles.keep_house(_quiet)
            await _in_thread(checkpoints.save)
            await _in_thread(downloads.save)
            if number % HUB_ROUNDS == 0:
                await hub.keep_house()
                load.forget()
                erasures = await forget_erased(erasures)
            if number % HEAL_ROUNDS == 0:
                await _in_thread(audit_services.heal_interrupted)
                await _in_thread(jobs.expire)
                await _in_thread(routing.keep_house, record.answer_sizes)
        except Exception:
            log.exception("what runs could not be looked after")
        number += 1
        await asyncio.sleep(ROUND)


def _quiet() -> bool:
    """Return whether nobody reads, hears or follows anything here."""
    return not (registry.watched or len(speakers) or len(runs) or any(topic.watched for topic in hub.known()))


async def forget_erased(known: int) -> int:
    """Return how many erasures there were so far; when they are not as many as `known`, the memory of this process goes:
    answers that ended a moment ago, the cache of answers, what drafts were learned from."""
    erasures: int = await _in_thread(record.erasures)
    if erasures != known:
        registry.ended.clear()
        routing.forget()
    return erasures


async def _in_thread(work: Callable[..., Any], *given: Any) -> Any:
    return await database_sync_to_async(work, thread_sensitive=False)(*given)


async def drain() -> None:
    """Take nothing new, let answers come to their ends for DRAIN_PATIENCE seconds, then send the clients elsewhere."""
    registry.draining = connections.draining = True
    await runs.drain()
    end = time.monotonic() + DRAIN_PATIENCE
    while len(registry) and time.monotonic() < end:  # noqa: ASYNC110 - five seconds, once in a process
        await asyncio.sleep(0.05)
    await registry.drain(chat.can_hand_over)
    await connections.drain()


async def shutdown() -> None:
    """End the connections and streams that are left, and what looks after them."""
    await runs.drain()
    await registry.drain(chat.can_hand_over)
    await connections.drain()
    while _housekeeping:
        _housekeeping.pop().cancel()
    await speakers.aclose()
    await hub.aclose()
    await _in_thread(checkpoints.save)
    await _in_thread(downloads.save)
    await registry.aclose()
    cycles.end()
