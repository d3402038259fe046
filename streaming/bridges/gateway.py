"""The gateway: runs the routes, each in one process at a time, and follows their changes."""

import asyncio
import logging
import secrets
import time
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import DatabaseError

from streaming.bridges import books, routes
from streaming.bridges.errors import BadAddress, LeaseLost
from streaming.bridges.models import Route
from streaming.bridges.pump import Pump, lease, release, set_state
from streaming.database import visit

log = logging.getLogger(__name__)

# Seconds between two looks at the routes, and that a route stays with a process that no longer says it lives.
LOOK = 1.0
LEASE = 8.0
# Seconds after which a process says again that it lives; oftener would only wear the disk.
RENEWAL = 3.0
# Looks between two times of throwing away what is too old.
EXPIRY_LOOKS = 3_600


@dataclass(slots=True)
class _Running:
    settings: tuple[Any, ...]
    pump: Pump
    task: asyncio.Task[None]
    renewed: float


class Gateway:
    """The routes that this process moves."""

    def __init__(self) -> None:
        self.holder = secrets.token_hex(8)
        self._running: dict[int, _Running] = {}
        self._invalid: dict[int, tuple[Any, ...]] = {}
        self._watching: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to run what routes there are."""
        self._watching = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Stop the routes, and let other processes have them at once."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
            self._watching = None
        for pk in list(self._running):
            await self._end(pk)

    async def _watch(self) -> None:
        number = 0
        while True:
            try:
                await self.look()
                if number % EXPIRY_LOOKS == EXPIRY_LOOKS - 1:
                    await visit(books.expire)
            except DatabaseError as error:
                log.warning("the routes cannot be read: %s", error)
            number += 1
            await asyncio.sleep(LOOK)

    async def look(self) -> None:
        """Start, stop and restart routes as the table says."""
        wanted = {route.pk: route for route in await visit(routes.active)}
        for pk, running in list(self._running.items()):
            route = wanted.get(pk)
            if route is None or _settings(route) != running.settings or running.task.done():
                await self._end(pk)
            elif time.monotonic() > running.renewed + RENEWAL:
                running.renewed = time.monotonic()
                if not await visit(lease, pk, self.holder, LEASE, running.pump.caught_up):
                    log.warning("route %s is moved by another process now", route.name)
                    await self._end(pk)
        for pk, route in wanted.items():
            if pk not in self._running and self._invalid.get(pk) != _settings(route):
                await self._begin(route)

    async def _begin(self, route: Route) -> None:
        if not await visit(lease, route.pk, self.holder, LEASE):
            return
        try:
            plan = routes.Plan.of(route)
        except BadAddress as error:
            await self._refuse(route, error)
            return
        self._invalid.pop(route.pk, None)
        pump = Pump(route.pk, plan, self.holder)
        task = asyncio.create_task(self._run(pump, route))
        self._running[route.pk] = _Running(_settings(route), pump, task, time.monotonic())

    async def _refuse(self, route: Route, error: Exception) -> None:
        log.error("route %s cannot run: %s", route.name, error)
        self._invalid[route.pk] = _settings(route)
        await visit(release, route.pk, self.holder)
        await visit(set_state, route.pk, Route.State.INVALID, str(error))

    async def _run(self, pump: Pump, route: Route) -> None:
        try:
            await pump.run()
        except LeaseLost as error:
            log.warning("%s", error)
        except BadAddress as error:
            await self._refuse(route, error)
        except Exception as error:
            # A fault in here: `look` starts the route again.
            log.exception("route %s broke", route.name)
            await visit(set_state, route.pk, Route.State.TROUBLE, f"{type(error).__name__}: {error}")

    async def _end(self, pk: int) -> None:
        running = self._running.pop(pk)
        running.task.cancel()
        await asyncio.gather(running.task, return_exceptions=True)
        if pk not in self._invalid:
            await visit(release, pk, self.holder)


def _settings(route: Route) -> tuple[Any, ...]:
    """Return what, when it changes, makes another route of it."""
    user = route.user_id if route.user is not None and route.user.is_active else None
    return (route.name, route.source, route.start, route.target, user, route.kind, route.filter, route.mapping)


_gateway: list[Gateway] = []


def startup() -> None:
    """Run the routes in this process, unless AURA_BRIDGES leaves them to `manage.py bridges`."""
    if settings.AURA_BRIDGES:
        _gateway.append(Gateway())
        _gateway[0].start()


async def shutdown() -> None:
    """Stop the routes of this process."""
    while _gateway:
        await _gateway.pop().stop()
