"""Fixtures of the tests of streaming."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.live import LiveServer
from tests.services import redis_server


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LiveServer, LiveServer]]:
    """Two servers on one record, with Redis between them. Who ends one starts it again."""
    folder = tmp_path_factory.mktemp("pair")
    with redis_server(folder) as url:
        first = LiveServer(folder, REDIS_URL=url, SMART_MODEL="mock:mock-300-10", STREAMING_RESUME_GRACE="3")
        second = LiveServer(folder, beside=first)
        with ThreadPoolExecutor() as pool:
            list(pool.map(LiveServer.start, (first, second)))
            yield first, second
            list(pool.map(LiveServer.stop, (first, second)))
