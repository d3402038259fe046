"""A server process, whatever it listens with: what starts, drains and stops in it."""

import asyncio
import logging
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import DatabaseError, connection

from audit.journal import journal
from audit.records import personal
from aura_site import selectors, upgrades
from aura_site.monitoring import traces
from aura_site.process_lock import ProcessLock
from aura_site.redaction import redacted
from aura_site.upgrades import UpgradeError
from compression import tasks as discovery
from compression.samples import sampler
from routing_ai import services as routing
from streaming import services as streaming
from streaming import signalling
from streaming.bridges import gateway

if TYPE_CHECKING:
    from streaming.transports.grpc.server import RpcServer

log = logging.getLogger(__name__)


class Serving:
    """`rpc` is the address to speak gRPC on, None for nowhere; `alone` whether nothing but gRPC is served here."""

    def __init__(self, rpc: tuple[str, int] | None, *, alone: bool = False) -> None:
        self._lock = ProcessLock(alone=alone and not settings.REDIS_URL)
        self._rpc = _rpc_server(*rpc) if rpc is not None else None
        self._warming: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Make the process ready to serve. Raises AnotherServer, UpgradeError for a database that lacks what this version
        needs, and Unbound when gRPC cannot listen."""
        self._lock.take()
        await asyncio.to_thread(_check_database)
        traces.start()
        try:
            await streaming.startup()
        except Exception:
            # The server comes up all the same: /health says what is wrong.
            log.exception("what an earlier process left could not be healed")
        gateway.startup()
        self._warming = asyncio.create_task(routing.warm_up())
        sampler.after = discovery.trigger
        sampler.redact = redacted
        routing.set_redactor(personal.redact)
        sampler.start()
        if self._rpc is not None:
            await self._rpc.start()

    async def drain(self) -> None:
        """Take nothing new, and send the clients elsewhere."""
        if self._rpc is not None:
            await self._rpc.drain()
        await gateway.shutdown()
        await streaming.drain()

    async def stop(self) -> None:
        """End what is left; what is on its way to the record gets there."""
        if self._warming is not None:
            self._warming.cancel()
        await gateway.shutdown()
        await streaming.shutdown()
        await signalling.shutdown()
        if self._rpc is not None:
            await self._rpc.stop()
        await routing.close_providers()
        await asyncio.to_thread(routing.close_ledger)
        await asyncio.to_thread(sampler.stop)
        await asyncio.to_thread(journal().close)
        await asyncio.to_thread(traces.stop)
        self._lock.release()


def rpc_address() -> tuple[str, int] | None:
    """Return where the settings want gRPC beside the web server, None for nowhere."""
    return (settings.AURA_GRPC_HOST, settings.AURA_GRPC_PORT) if settings.AURA_GRPC_PORT else None


def _check_database() -> None:
    """Raise UpgradeError when the database has not been upgraded, or its keys are not here. A newer one is served: in a
    rolling upgrade what still runs, or is started again, is of the version before."""
    try:
        found = upgrades.standing()
        if not found.pending:
            upgrades.check_keys()
    except DatabaseError:
        # As it is when a server runs: /health says so until it is back.
        log.exception("the database does not answer")
        return
    finally:
        connection.close()
    if found.pending:
        raise UpgradeError(
            f"The database lacks {len(found.pending)} migrations of this version (first {found.pending[0]}): run"
            " manage.py upgrade, which ./aura up does by itself."
        )
    if found.unknown:
        log.warning("the database is of a newer version of AURA: it has %s", ", ".join(found.unknown))


async def _is_ready() -> bool:
    return all(check["ok"] for check in (await selectors.readiness()).values())


def _rpc_server(host: str, port: int) -> "RpcServer":
    """Return what speaks gRPC; its library is loaded only here, for a server that does not speak it is smaller without."""
    from streaming.transports.grpc.server import RpcServer

    return RpcServer(host, port, _is_ready)
