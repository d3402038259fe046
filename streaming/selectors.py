"""What can be read of the running process: counts and sessions."""

import os
import time
from typing import Any

from streaming.connections import connections
from streaming.registry import registry
from streaming.tally import Tally

_STARTED = time.time()


def stats() -> dict[str, Any]:
    """Return counts of connections, streams and bytes since this process started."""
    total = Tally()
    total.merge(connections.past)
    for connection in connections:
        total.merge(connection.session.tally)
    return {
        "process": os.getpid(),
        "uptime_s": round(time.time() - _STARTED, 3),
        "connections": {"open": len(connections), "opened": connections.opened},
        "streams": {"open": len(registry), "opened": registry.opened},
        "frames": {"sent": total.frames, "bytes": total.frame_bytes},
        "compression": total.summary(),
        "draining": registry.draining,
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
        }
        for connection in connections
        if user_id is None or connection.session.user.pk == user_id
    ]
