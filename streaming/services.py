"""Start and end of the streaming side of a server process."""

from channels.db import database_sync_to_async

from audit import services as audit_services
from streaming.connections import connections
from streaming.registry import registry


async def startup() -> None:
    """Put an end on the record to the streams that a killed process left open."""
    await database_sync_to_async(audit_services.heal_interrupted, thread_sensitive=False)()


async def shutdown() -> None:
    """Send the clients elsewhere, end the streams that are left, and write down what was sent."""
    await connections.drain()
    await registry.drain()
