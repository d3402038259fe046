"""Which server processes may run on one machine's data at once.

Through Redis server processes know which of them writes a stream. Without it a process takes a stream that another one is
writing for one whose writer was killed, and goes on with it. So without Redis a gRPC server of its own and the web server
exclude each other. With or without, nothing runs while a backup is put back.
"""

import fcntl
import logging
import os
from pathlib import Path

from django.conf import settings

log = logging.getLogger(__name__)

WORKERS = "worker.lock"
RESTORING = "A backup is being put back: start again when that is done."


class AnotherServer(Exception):
    """Another server process runs on the same data."""


class ProcessLock:
    """Held by a server process while it runs; the kernel lets go of it when the process dies.

    The web server shares it with its like; the gRPC server, and what runs bridges alone, have it for themselves, but where
    there is Redis share it. Workers share one of their own, WORKERS. What puts a backup back has both for itself.
    """

    def __init__(self, *, alone: bool, name: str = "server.lock") -> None:
        self._alone = alone
        self._name = name
        self._file: int | None = None

    def take(self) -> None:
        """Take the lock. Raises AnotherServer."""
        path = Path(settings.AURA_DATA_DIR) / self._name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, (fcntl.LOCK_EX if self._alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            self.release()
            # With Redis nothing but a restore has it for itself.
            raise AnotherServer(RESTORING if settings.REDIS_URL else _ADVICE[self._alone]) from None
        except OSError as error:
            self.release()
            if not settings.REDIS_URL:
                raise
            # A network's volume may have no locks. Redis keeps servers apart; the lock would keep a restore from them.
            log.warning("%s cannot be locked (%s): stop AURA by hand before a backup is put back", path, error.strerror)

    def release(self) -> None:
        """Let go of the lock, if it is held."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


_ADVICE = {
    True: (
        "AURA's server runs already, and without Redis there can be only one: set AURA_GRPC_PORT and start AURA again, "
        "and that server speaks gRPC too. With REDIS_URL both can run. If a backup is being put back, wait until that is "
        "done."
    ),
    False: (
        "manage.py grpcserver runs already (or manage.py bridges), and without Redis there can be only one server: stop it; "
        "this server runs the routes itself, and with AURA_GRPC_PORT it speaks gRPC too. With REDIS_URL both can run. If a "
        "backup is being put back, wait until that is done."
    ),
}
