"""Fixtures of these tests."""

import pytest

from routing_ai import attempts
from routing_ai.cache import cache
from routing_ai.quality import monitor


@pytest.fixture(autouse=True)
def forgotten() -> None:
    """Begin with a process that has asked no model yet: what failed in one test is not held against it in the next."""
    monitor.clear()
    attempts.breakers.clear()
    cache.clear()
