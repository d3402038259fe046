"""Places for the servers of a test run on PostgreSQL and Redis (`tests.cluster`). They go when those servers do."""

import os
import time

import psycopg
from redis import Redis


def new_database(template: str = "/template1") -> str:
    """Return the URL of a new database, a copy of the one whose URL is given, which nobody may use meanwhile."""
    server = os.environ["AURA_TEST_POSTGRES"]
    name = f"aura_test_{os.getpid()}_{time.time_ns()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template.rsplit("/", 1)[1]}"')
    return server.rsplit("/", 1)[0] + "/" + name


def new_redis() -> str:
    """Return the URL of an empty numbered database of the Redis."""
    url = os.environ["REDIS_URL"]
    with Redis.from_url(url) as redis:
        return f"{url.rsplit('/', 1)[0]}/{redis.incr('aura:tests:places')}"
