"""Start and end of the streaming side of a server process."""

import asyncio
import time

from channels.db import database_sync_to_async

from audit import services as audit_services
from streaming.connections import connections
from streaming.registry import registry

DRAIN_PATIENCE = 5.0


async def startup() -> None:
    """Put an end on the record to the streams that a killed process left open."""
    await database_sync_to_async(audit_services.heal_interrupted, thread_sensitive=False)()


async def drain() -> None:
    """Take nothing new, let answers come to their ends for DRAIN_PATIENCE seconds, then send the clients elsewhere."""
    registry.draining = connections.draining = True
    end = time.monotonic() + DRAIN_PATIENCE
    while len(registry) and time.monotonic() < end:  # noqa: ASYNC110 - five seconds, once in a process
        await asyncio.sleep(0.05)
    await connections.drain()


async def shutdown() -> None:
    """End the connections and streams that are left; each stream gets an end on the record."""
    await connections.drain()
    await registry.drain()
