"""Celery tasks of the app."""

import logging
import math
import time

from celery import shared_task

from compression import review, runs
from compression.models import DiscoveryRun

log = logging.getLogger(__name__)

#: Seconds for which a run that was asked for is given to begin.
PATIENCE = 30.0
_asked = -math.inf


def trigger() -> None:
    """Have a worker run discovery when it is due. For the thread that writes samples: it may wait for the broker."""
    global _asked  # noqa: PLW0603
    if time.monotonic() - _asked > PATIENCE and runs.due():
        _asked = time.monotonic()
        try:
            discover.delay()
        except OSError as error:
            # The schedule asks again within a minute.
            log.warning("No worker could be asked to run discovery: %s", error)


@shared_task(name="compression.tasks.discover")
def discover(asked: bool = False) -> None:
    """Run discovery when it is due, or when it was `asked` for. Does nothing while another run is at it."""
    if asked or runs.due():
        trigger = DiscoveryRun.Trigger.MANUAL if asked else DiscoveryRun.Trigger.SAMPLES
        run = runs.begin(trigger)
        if run is not None:
            review.after(runs.carry_out(run))
