"""The tests on PostgreSQL and Redis, both started here: `python -m tests.cluster [arguments for pytest]`.

In-process tests use a database of that PostgreSQL, every server that a test starts a database and a Redis of its own.
"""

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.services import postgres_server, redis_server

# What keeps something in a database or in Redis.
PATHS = (
    "tests/audit",
    "tests/aura_client",
    "tests/aura_db",
    "tests/aura_site",
    "tests/compression",
    "tests/routing_ai",
    "tests/streaming",
)


def main(arguments: list[str]) -> int:
    """Run pytest and return its exit status."""
    with ExitStack() as stack:
        server = stack.enter_context(postgres_server())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="aura-redis-")))
        cluster = {
            "AURA_TEST_POSTGRES": server,
            "DATABASE_URL": server.rsplit("/", 1)[0] + "/aura",
            "REDIS_URL": stack.enter_context(redis_server(folder)),
        }
        command = [sys.executable, "-m", "pytest", *(arguments or PATHS)]
        return subprocess.run(command, env={**os.environ, **cluster}, check=False).returncode


if __name__ == "__main__":
    # Whoever ends this ends what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main(sys.argv[1:]))
