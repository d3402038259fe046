"""The figures of this process, taken from what the apps count: one snapshot for the metrics and for the dashboard."""

import asyncio
import logging
import time
from collections import Counter
from pathlib import Path
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import DatabaseError, close_old_connections

from audit.journal import journal
from aura_site import selectors
from aura_site.models import TaskCount
from routing_ai import reports
from routing_ai import selectors as routing
from routing_ai.quality import monitor
from streaming import selectors as streaming
from streaming.connections import connections

log = logging.getLogger(__name__)

# Seconds for which an answer of the database counts; several scrapers and pages ask at once.
SPEND_SECONDS = 5.0
TASKS_LISTED = 100_000

Told = tuple[dict[str, Any] | None, list[dict[str, Any]]]

_told: tuple[float, Told] = (float("-inf"), (None, []))
_asking = asyncio.Lock()


async def snapshot() -> dict[str, Any]:
    """Return all figures. A part that cannot be had (the database is away) is None; the others are there."""
    ready = await selectors.readiness()
    wire = await streaming.wire_totals()
    figures = streaming.stats(wire)
    tasks = await sync_to_async(_waiting_tasks, thread_sensitive=False)()
    spend, worker = await _of_the_database()
    return {
        **figures,
        "at": time.time(),
        "ready": {name: check["ok"] for name, check in ready.items()},
        "transports": dict(Counter(connection.transport for connection in connections)),
        "queues": {"record": journal().waiting, "datasets": figures["datasets"]["waiting"], "tasks": tasks},
        "spend": spend,
        "worker": worker,
        "totals": monitor.totals,
    }


async def _of_the_database() -> Told:
    """Return today's spend of everybody and the counts of the worker's tasks, asked for at most every SPEND_SECONDS."""
    global _told  # noqa: PLW0603
    async with _asking:
        if _told[0] < time.monotonic():
            found = await sync_to_async(_ask, thread_sensitive=False)()
            _told = (time.monotonic() + SPEND_SECONDS, found)
    return _told[1]


def _ask() -> Told:
    close_old_connections()
    try:
        counts = TaskCount.objects.values("name", "succeeded", "failed", "seconds", "at")
        worker: list[dict[str, Any]] = [dict(count) for count in counts]
        today = reports.total(reports.costs("tier", *reports.last_days(1)))
        budgets = [
            {"name": budget["name"], **{key: float(budget[key]) for key in ("limit", "used", "left")}}
            for budget in routing.budgets_today()
        ]
    except DatabaseError as error:
        log.warning("the spend of today and the worker's counts could not be read: %s", type(error).__name__)
        return None, []
    finally:
        close_old_connections()
    spend = {"budgets": budgets, "spent": float(today.spent), "saved": float(today.saved), "calls": today.calls}
    return spend, worker


def _waiting_tasks() -> int | None:
    """Return how many tasks wait for the worker, None when the broker does not say."""
    if settings.REDIS_URL:
        return _waiting_in_redis()
    folder = Path(str(settings.CELERY_BROKER_TRANSPORT_OPTIONS["data_folder_in"]))
    try:
        return sum(1 for _, _entry in zip(range(TASKS_LISTED), folder.iterdir(), strict=False))
    except OSError:
        return 0


def _waiting_in_redis() -> int | None:
    import redis

    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2) as client:
            return int(client.llen("celery"))
    except redis.RedisError:
        return None
