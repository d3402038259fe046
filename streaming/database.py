"""Visits to the database from the event loop, by threads of their own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.db import close_old_connections

Given = ParamSpec("Given")
Found = TypeVar("Found")

# More would only wait for each other: SQLite has one writer, and a server has more processes than one.
THREADS = 4

_pool = ThreadPoolExecutor(THREADS, thread_name_prefix="database")


async def visit(work: Callable[Given, Found], *given: Given.args, **named: Given.kwargs) -> Found:
    """Return what `work` returns. As channels' database_sync_to_async, without the context that it carries along; for what
    every question does."""

    def run() -> Found:
        close_old_connections()
        try:
            return work(*given, **named)
        finally:
            close_old_connections()

    return await asyncio.get_running_loop().run_in_executor(_pool, run)
