"""Which processes may run at once on one machine's data."""

import errno
import fcntl
import logging
from pathlib import Path
from typing import Any

import pytest

from aura_site.process_lock import AnotherServer, ProcessLock


@pytest.fixture(autouse=True)
def _folder(settings: Any, tmp_path: Path) -> None:
    settings.AURA_DATA_DIR, settings.REDIS_URL = tmp_path / "data", ""


@pytest.mark.parametrize(
    ("redis", "said"),
    [("", "runs already.* backup is being put back"), ("redis://127.0.0.1", "A backup is being put back")],
)
def test_servers_share_the_lock_and_a_restore_has_it_for_itself(settings: Any, redis: str, said: str) -> None:
    settings.REDIS_URL = redis
    one, another, restore = ProcessLock(alone=False), ProcessLock(alone=False), ProcessLock(alone=True)
    one.take()
    another.take()
    one.release()
    with pytest.raises(AnotherServer):
        restore.take()
    another.release()
    restore.take()
    with pytest.raises(AnotherServer, match=said):
        one.take()
    restore.release()
    one.take()
    one.release()


def test_a_volume_without_locks_stops_servers_without_redis_alone(
    settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused(*_arguments: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refused)
    lock = ProcessLock(alone=False)
    with pytest.raises(OSError, match="No locks available"):
        lock.take()
    settings.REDIS_URL = "redis://127.0.0.1"
    with caplog.at_level(logging.WARNING):
        lock.take()
    assert "cannot be locked (No locks available)" in caplog.text
    lock.release()
