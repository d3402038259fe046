"""Celery tasks of the app."""

import logging
import math
import time

from celery import shared_task
from kombu.exceptions import OperationalError

from compression import review, runs
from compression.models import DiscoveryRun

log = logging.getLogger(__name__)

#: Seconds for which a run that was asked for is given to begin.
PATIENCE = 30.0
#: A broker that does not answer is tried twice.
BRIEF = {"max_retries": 1, "interval_start": 0.2}
_asked = -math.inf


def trigger() -> None:
    """Have a worker run discovery when it is due. For the thread that writes samples: it may wait for the broker."""
    global _asked  # noqa: PLW0603
    if time.monotonic() - _asked > PATIENCE and runs.due():
        _asked = time.monotonic()
        if not ask(asked=False):
            # The schedule asks again within a minute.
            log.warning("No worker could be asked to run discovery: the broker does not answer")


def ask(asked: bool = True) -> bool:
    """Ask a worker to run discovery; return whether the broker took that. Waits a second or two where it is away."""
    try:
        discover.apply_async(kwargs={"asked": asked}, retry_policy=BRIEF)
    except (OSError, OperationalError):
        return False
    return True


@shared_task(name="compression.tasks.discover")
def discover(asked: bool = False) -> None:
    """Run discovery when it is due, or when it was `asked` for. Does nothing while another run is at it."""
    if asked or runs.due():
        trigger = DiscoveryRun.Trigger.MANUAL if asked else DiscoveryRun.Trigger.SAMPLES
        run = runs.begin(trigger)
        if run is not None:
            review.after(runs.carry_out(run))
