"""Appends events for ever and prints each number once it is acknowledged; to be killed. `python -m tests.audit.crash`"""

import asyncio
import os
import time
import uuid

os.environ["DJANGO_SETTINGS_MODULE"] = "aura_site.settings"

import django

django.setup()

from audit.journal import journal  # noqa: E402
from audit.records.event import Event, Kind  # noqa: E402


async def write() -> None:
    stream, offset = uuid.uuid4(), 0
    while True:
        at = time.time_ns() // 1000
        (number,) = await journal().append(
            [Event(Kind.CHUNK, uuid.UUID(int=1), stream, 1, offset, "crash", at, "text " * 9)]
        )
        os.write(1, f"{number}\n".encode())
        offset += 1


async def main() -> None:
    await asyncio.gather(*(write() for _ in range(16)))


asyncio.run(main())
