"""A process whose file operations fail on purpose: writes events, prints what is acknowledged.

From operation AURA_FAULT_AT on, what changes files fails with "no space left".
"""

import os
import sys
import time
import uuid

os.environ["DJANGO_SETTINGS_MODULE"] = "aura_site.settings"

import django

django.setup()

from audit.errors import AuditError  # noqa: E402
from audit.journal import journal  # noqa: E402
from audit.records.event import Event, Kind  # noqa: E402

stream = uuid.uuid4()
acknowledged = []
for offset in range(8):
    event = Event(Kind.CHUNK, uuid.UUID(int=1), stream, 1, offset, "faulty", time.time_ns() // 1000, "text " * 9)
    try:
        acknowledged += journal().submit([event]).result(60)
    except AuditError as error:
        sys.stderr.write(f"refused: {error}\n")
os.write(1, (" ".join(map(str, acknowledged)) + "\n").encode())
os._exit(0)
