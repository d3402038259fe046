"""`manage.py grpcserver`: a server process that speaks gRPC alone."""

import asyncio
import signal
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from aura_site.process_lock import AnotherServer
from aura_site.serving import Serving
from aura_site.upgrades import UpgradeError
from streaming.transports.grpc.errors import Unbound

DEFAULT_PORT = 50_051


class Command(BaseCommand):
    help = "Speak gRPC (service aura.v1.Aura) until SIGTERM or Ctrl-C, then drain."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default=settings.AURA_GRPC_HOST)
        parser.add_argument("--port", type=int, default=settings.AURA_GRPC_PORT or DEFAULT_PORT)

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            asyncio.run(self._serve(options["host"], options["port"]))
        except (AnotherServer, UpgradeError, Unbound) as error:
            raise CommandError(str(error)) from None

    async def _serve(self, host: str, port: int) -> None:
        asked = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, asked.set)
        serving = Serving((host, port), alone=True)
        try:
            await serving.start()
            self.stdout.write(f"gRPC listens on {host}:{port}")
            await asked.wait()
            await serving.drain()
        finally:
            await serving.stop()
