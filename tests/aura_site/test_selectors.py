"""Is AURA ready."""

from datetime import timedelta

import pytest
from django.utils import timezone

from aura_site import selectors
from aura_site.models import Heartbeat

pytestmark = pytest.mark.django_db


def worker(**ahead: float) -> str:
    """Return what is said of a worker that showed life then."""
    Heartbeat.objects.update_or_create(name="worker", defaults={"at": timezone.now() + timedelta(**ahead)})
    return selectors._worker()


def test_a_worker_is_alive_that_showed_life_lately_by_any_clock_that_is_nearly_right() -> None:
    assert worker(seconds=-5) == worker(seconds=5) == "alive"
    with pytest.raises(LookupError, match="silent"):
        worker(hours=-1)


def test_a_worker_that_died_before_the_clock_was_set_back_is_not_alive_until_the_clock_is_there_again() -> None:
    with pytest.raises(LookupError, match="from now: set the clocks"):
        worker(hours=1)
