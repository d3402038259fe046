"""The figures of this process, taken from what the apps count: one snapshot for the metrics and for the dashboard."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import DatabaseError, close_old_connections

from audit.journal import journal
from aura_site import selectors
from aura_site.models import TaskCount
from compression.downloads import fetched
from routing_ai import reports
from routing_ai import selectors as routing
from routing_ai.quality import monitor
from streaming import selectors as streaming
from streaming.bridges import selectors as bridges
from streaming.connections import connections

log = logging.getLogger(__name__)

# Seconds for which an answer of the database counts; several scrapers and pages ask at once.
ASKED_SECONDS = 5.0
TASKS_LISTED = 100_000

Answer = TypeVar("Answer")

_asking = asyncio.Lock()
_answers: dict[str, tuple[float, Any]] = {}


async def snapshot() -> dict[str, Any]:
    """Return all figures. A part that cannot be had (the database is away) is None; the others are there."""
    ready = await selectors.readiness()
    wire = await streaming.wire_totals()
    figures = streaming.stats(wire)
    tasks = await sync_to_async(_waiting_tasks, thread_sensitive=False)()
    return {
        **figures,
        "at": time.time(),
        "ready": {name: check["ok"] for name, check in ready.items()},
        "transports": dict(Counter(connection.transport for connection in connections)),
        "queues": {"record": journal().waiting, "datasets": figures["datasets"]["waiting"], "tasks": tasks},
        "spend": await _asked("spend", _spend),
        "worker": await _asked("worker", _worker) or [],
        "bridges": await _asked("bridges", bridges.figures),
        "totals": monitor.totals,
        "downloads": dict(fetched),
    }


async def _asked(part: str, ask: Callable[[], Answer]) -> Answer | None:
    """Return what the database says of everybody, asked for at most every ASKED_SECONDS."""
    async with _asking:
        until, answer = _answers.get(part, (float("-inf"), None))
        if until < time.monotonic():
            answer = await sync_to_async(_ask, thread_sensitive=False)(part, ask)
            _answers[part] = (time.monotonic() + ASKED_SECONDS, answer)
    return cast("Answer | None", answer)


def _ask(part: str, ask: Callable[[], Answer]) -> Answer | None:
    close_old_connections()
    try:
        return ask()
    except DatabaseError as error:
        log.warning("figures of %s could not be read: %s", part, type(error).__name__)
        return None
    finally:
        close_old_connections()


def _worker() -> list[dict[str, Any]]:
    """Return how often the worker's tasks ended well and not, how long they took, and when each last ended."""
    return [dict(count) for count in TaskCount.objects.values("name", "succeeded", "failed", "seconds", "at")]


def _spend() -> dict[str, Any]:
    """Return today's spend."""
    today = reports.total(reports.costs("tier", *reports.last_days(1)))
    budgets = [
        {"name": budget["name"], **{key: float(budget[key]) for key in ("limit", "used", "left")}}
        for budget in routing.budgets_today()
    ]
    return {"budgets": budgets, "spent": float(today.spent), "saved": float(today.saved), "calls": today.calls}


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
