"""What an answer takes along from the request that asked for it: whatever names the request in logs and traces.

An answer outlives its request, so it runs in a context of its own and must not hold on to the request's.
"""

from collections.abc import Callable
from contextvars import Context
from typing import Any

# Each is called in the request's context, and returns what sets the same in the answer's.
carriers: list[Callable[[], Callable[[], Any]]] = []


def context() -> Context:
    """Return a new context with nothing in it but what the carriers bring."""
    made = Context()
    for carry in carriers:
        made.run(carry())
    return made
