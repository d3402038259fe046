"""`manage.py bridges`: a process that runs the routes between brokers and topics, and nothing else."""

import asyncio
import signal
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from audit.journal import journal
from aura_site.process_lock import AnotherServer, ProcessLock
from streaming import services as streaming
from streaming.bridges import routes
from streaming.bridges.errors import BadAddress
from streaming.bridges.gateway import Gateway


class Command(BaseCommand):
    help = "Run the routes of the bridges until SIGTERM or Ctrl-C; with --check only say whether they make sense."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="look at the active routes and end")

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["check"]:
            self._check()
            return
        lock = ProcessLock(alone=not settings.REDIS_URL)
        try:
            lock.take()
        except AnotherServer as error:
            if settings.REDIS_URL:
                raise CommandError(str(error)) from None
            raise CommandError(
                "AURA's server runs already and runs the routes itself; without Redis there can be only one such process. "
                "With REDIS_URL both can run (AURA_BRIDGES=false keeps the routes out of the server)."
            ) from None
        try:
            asyncio.run(self._serve())
        finally:
            journal().close()
            lock.release()

    def _check(self) -> None:
        bad = 0
        for route in routes.active():
            try:
                routes.Plan.of(route)
                self.stdout.write(f"{route.name}: from {route.source} to {route.target}")
            except BadAddress as error:
                bad += 1
                self.stderr.write(f"{route.name}: {error}")
        if bad:
            raise CommandError(f"Routes that cannot run: {bad}.")

    async def _serve(self) -> None:
        asked = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, asked.set)
        gateway = Gateway()
        await streaming.startup()
        gateway.start()
        self.stdout.write("The routes run.")
        self.stdout.flush()
        try:
            await asked.wait()
        finally:
            await gateway.stop()
            await streaming.shutdown()
