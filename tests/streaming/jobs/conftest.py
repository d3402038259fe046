"""Clients of a running server."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.live import LiveServer
from tests.streaming.jobs.client import Client


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    # A line each: one that a server left open before it was killed must not be used again.
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=120), connector=connector) as session:
        yield session


@pytest.fixture
def client(live: LiveServer, http: aiohttp.ClientSession) -> Client:
    return Client(live, http)
