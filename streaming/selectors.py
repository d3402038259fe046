"""What can be read of the running process: counts and sessions."""

import asyncio
import os
import time
from typing import Any

from routing_ai import services as routing
from streaming.connections import connections
from streaming.hub import hub
from streaming.jobs.active import runs
from streaming.load import load
from streaming.registry import registry
from streaming.tally import Tally
from streaming.voice.speakers import speakers

_STARTED = time.time()


# Connections that are added up before others may run.
_AT_ONCE = 500


async def wire_totals() -> Tally:
    """Return what all sessions of this process have sent, with room for others while it adds up."""
    total = Tally()
    # At one moment: who leaves meanwhile is still counted, and once.
    total.merge(connections.past)
    for number, connection in enumerate(connections, 1):
        total.merge(connection.session.tally)
        if not number % _AT_ONCE:
            await asyncio.sleep(0)
    return total


def stats(total: Tally | None = None) -> dict[str, Any]:
    """Return counts of connections, streams and bytes since this process started; `total` is what `wire_totals` gave."""
    if total is None:
        total = Tally()
        total.merge(connections.past)
        for connection in connections:
            total.merge(connection.session.tally)
    return {
        "process": os.getpid(),
        "uptime_s": round(time.time() - _STARTED, 3),
        "connections": {"open": len(connections), "opened": connections.opened},
        "streams": {"open": len(registry), "opened": registry.opened},
        "topics": {
            "open": len(hub),
            "events": sum(topic.events for topic in hub.known()),
            "encodes": sum(topic.encodes for topic in hub.known()),
            "subscribers": sum(sum(topic.present.values()) for topic in hub.known()),
        },
        "frames": {"sent": total.frames, "bytes": total.frame_bytes},
        "compression": total.summary(),
        "load": {
            "level": load.congestion.level.name.lower(),
            "lag_ms": round(load.congestion.lag * 1000, 3),
            "held_bytes": registry.size,
            "shed": load.shed,
            "rate_limited": load.limited,
        },
        "datasets": runs.counts(),
        "voice": speakers.counts(),
        "draining": registry.draining,
        "models": routing.get_metrics(),
    }


def sessions(user_id: int | None) -> list[dict[str, Any]]:
    """Return the open sessions of one user, or of all for None."""
    return [
        {
            "session": connection.session.name.hex(),
            "user": connection.session.user.get_username(),
            "transport": connection.transport,
            "client": connection.session.client,
            "mode": connection.session.protocol.mode.name.lower(),
            "since": connection.since,
            "channels": connection.session.channels,
            "credit": connection.session.protocol.credit,
            "compression": connection.session.tally.summary(),
            **({"voice": connection.session.voice.summary()} if connection.session.voice is not None else {}),
        }
        for connection in connections
        if user_id is None or connection.session.user.pk == user_id
    ]
