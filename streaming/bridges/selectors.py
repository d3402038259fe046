"""What can be read of the bridges: figures of all processes, from the database."""

import time
from typing import Any

from django.db.models import Count

from streaming.bridges.models import DeadLetter, Outgoing, Route

# Routes, outboxes and readers that are told of.
LISTED = 200


def figures() -> dict[str, Any]:
    """Return how routes are, how much waits in outboxes, and how many dead letters of each reader there are."""
    now = time.time()
    return {
        "routes": {
            route.name: {
                "running": route.state == Route.State.RUNNING and route.held_until > now,
                "consumed": route.moved + route.passed_over + route.doubles + route.put_aside,
                "published": route.moved,
                "filtered": route.passed_over,
                "duplicates": route.doubles,
                "dead": route.put_aside,
                "lag": max(0.0, now - route.caught_up) if route.active and route.caught_up else None,
            }
            for route in Route.objects.order_by("name")[:LISTED]
        },
        "outboxes": dict(Outgoing.objects.values_list("outbox").annotate(Count("id")).order_by("outbox")[:LISTED]),
        "dead_letters": dict(
            DeadLetter.objects.values_list("reader").annotate(Count("id")).order_by("reader")[:LISTED]
        ),
    }
