"""Is AURA ready: database, disk, channel layer, worker, model."""

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Any
from uuid import uuid4

from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import connection
from django.utils import timezone

from aura_site.models import Heartbeat
from routing_ai import services as routing
from streaming.registry import registry

WORKER_SILENCE = 20.0
CHECK_TIMEOUT = 5.0
CACHE_SECONDS = 1.0

_last: tuple[float, dict[str, dict[str, Any]]] | None = None


async def readiness() -> dict[str, dict[str, Any]]:
    """Return each part with `ok` and a `message`; remembered for a second, so that asking often costs nothing."""
    global _last  # noqa: PLW0603
    if _last is not None and _last[0] > time.monotonic():
        return _last[1]
    checks: dict[str, Callable[[], Awaitable[str]]] = {
        "database": database_sync_to_async(_database, thread_sensitive=False),
        "disk": partial(asyncio.to_thread, _disk),
        "channel_layer": _channel_layer,
        "worker": database_sync_to_async(_worker, thread_sensitive=False),
        "model": _model,
    }
    results = await asyncio.gather(*(_checked(check) for check in checks.values()))
    found = dict(zip(checks, results, strict=True))
    _last = (time.monotonic() + CACHE_SECONDS, found)
    return found


async def _checked(check: Callable[[], Awaitable[str]]) -> dict[str, Any]:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT):
            return {"ok": True, "message": await check()}
    except TimeoutError:
        return {"ok": False, "message": f"no answer within {CHECK_TIMEOUT:.0f} s"}
    except Exception as error:
        return {"ok": False, "message": str(error)[:200] or type(error).__name__}


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
    return connection.vendor


def _disk() -> str:
    free = shutil.disk_usage(settings.AURA_DATA_DIR).free
    told = f"{free / 1e6:,.0f} MB free in {settings.AURA_DATA_DIR}"
    if free < settings.AURA_FREE_DISK:
        raise OSError(f"{told}, of {settings.AURA_FREE_DISK / 1e6:,.0f} MB that there should be: make room")
    return told


async def _channel_layer() -> str:
    layer = get_channel_layer()
    name = await layer.new_channel()
    await layer.send(name, {"type": "health"})
    await layer.receive(name)
    # A Redis that is full, or a replica, hands messages on and keeps nothing that another server could go on with.
    stream = uuid4()
    await registry.replay.claim(stream)
    await registry.replay.release(stream)
    return type(layer).__name__


def worker_seen() -> datetime | None:
    """Return when a worker last showed life; None when none ever has."""
    return Heartbeat.objects.filter(name="worker").values_list("at", flat=True).first()


def _worker() -> str:
    seen = worker_seen()
    if seen is None:
        raise LookupError("no worker has shown up yet")
    silence = (timezone.now() - seen).total_seconds()
    if silence > WORKER_SILENCE:
        raise LookupError(f"the worker has been silent for {silence:.0f} s")
    # One that is dead would be alive until then.
    if silence < -WORKER_SILENCE:
        raise LookupError(f"the worker last showed up {-silence:.0f} s from now: set the clocks")
    return "alive"


async def _model() -> str:
    await routing.check_providers()
    return "answers"
