"""The gRPC listener of a process: the service, health, reflection, limits, drain."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import grpc
from django.conf import settings
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from streaming.registry import registry
from streaming.transports.grpc.errors import Unbound
from streaming.transports.grpc.generated import aura_pb2, aura_pb2_grpc
from streaming.transports.grpc.service import AuraService

log = logging.getLogger(__name__)

SERVICE = aura_pb2.DESCRIPTOR.services_by_name["Aura"].full_name
# A message of the client is a text of at most STREAMING_MESSAGE_LIMIT and little beside it.
MESSAGE_MARGIN = 4_096
HEALTH_INTERVAL = 1.0
STOP_PATIENCE = 2.0

Ready = Callable[[], Awaitable[bool]]


class RpcServer:
    """Listens on one address; `ready` says whether the process can answer. Raises Unbound from `start`."""

    def __init__(self, host: str, port: int, ready: Ready) -> None:
        self._address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._ready = ready
        self._health = health.aio.HealthServicer()
        self._watch: asyncio.Task[None] | None = None
        self._server = grpc.aio.server(options=_options(), maximum_concurrent_rpcs=settings.AURA_GRPC_CALLS)
        aura_pb2_grpc.add_AuraServicer_to_server(AuraService(), self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection([SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME], self._server)

    async def start(self) -> None:
        """Listen. Raises Unbound."""
        try:
            self._server.add_insecure_port(self._address)
        except RuntimeError:
            raise Unbound(
                f"gRPC cannot listen on {self._address}: end what uses it, or set AURA_GRPC_HOST and AURA_GRPC_PORT."
            ) from None
        await self._report(serving=False)
        await self._server.start()
        self._watch = asyncio.create_task(self._watch_health())
        log.info("gRPC listens on %s", self._address)

    async def drain(self) -> None:
        """Tell balancers to send new calls elsewhere; calls that are open go on."""
        await self._health.enter_graceful_shutdown()

    async def stop(self) -> None:
        """Take no new calls, give those that are open a moment to end, then cut them."""
        if self._watch is not None:
            self._watch.cancel()
        await self.drain()
        await self._server.stop(STOP_PATIENCE)

    async def _watch_health(self) -> None:
        while True:
            if registry.draining:
                await self.drain()
                return
            await self._report(serving=await self._ready())
            await asyncio.sleep(HEALTH_INTERVAL)

    async def _report(self, *, serving: bool) -> None:
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for service in ("", SERVICE):
            await self._health.set(service, status)


def _options() -> list[tuple[str, int]]:
    heartbeat = round(settings.STREAMING_HEARTBEAT_INTERVAL * 1000)
    return [
        # Two programs on one port without knowing of each other would be worse than an error.
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", settings.STREAMING_MESSAGE_LIMIT + MESSAGE_MARGIN),
        ("grpc.max_concurrent_streams", 100),
        ("grpc.max_metadata_size", 16_384),
        # HTTP/2 pings find dead lines; a client may ask too, but not more often than each ten seconds.
        ("grpc.keepalive_time_ms", heartbeat),
        ("grpc.keepalive_timeout_ms", heartbeat),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
    ]
