"""The thread that examines turns: what it takes at once, and that it holds up neither answers nor the end of a process."""

import time
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import OperationalError
from hypothesis import given
from hypothesis import strategies as st

from audit import examiner
from audit.examiner import TOGETHER, WORDS, Examiner
from audit.models import Examination
from tests.audit.scenario import converse


@given(st.lists(st.integers(0, 2 * WORDS), max_size=40))
def test_a_transaction_has_some_turns_and_words_and_a_long_turn_has_its_own(sizes: list[int]) -> None:
    found = [examiner._Found(UUID(int=place), UUID(int=0), [], set(range(size))) for place, size in enumerate(sizes)]
    bundles = list(examiner._bundles(found))
    assert [one for bundle in bundles for one in bundle] == found
    for bundle in bundles:
        assert 0 < len(bundle) <= TOGETHER
        assert len(bundle) == 1 or sum(len(one.words) for one in bundle) <= WORDS


def until(happened: Callable[[], object]) -> None:
    ends = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < ends
        time.sleep(0.01)


@pytest.fixture
def own(settings: Any) -> Examiner:
    settings.AUDIT_EXAMINE = True
    return Examiner()


@pytest.mark.django_db(transaction=True)
def test_it_rests_behind_each_transaction_from_what_that_took_the_journal(
    own: Examiner, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, stream = converse("ada", "What is it?", "A question")
    rests: list[float] = []
    monkeypatch.setattr(examiner, "PAUSE", 0.0)
    monkeypatch.setattr(examiner, "_record", lambda bundle: 1_000.0 * len(bundle))
    monkeypatch.setattr(Examiner, "_rest", lambda _self, worked: rests.append(worked) is None)
    own.offer([stream])
    until(lambda: rests)
    own.close()
    assert 1_000 <= rests[0] < 1_100


@pytest.mark.django_db(transaction=True)
def test_a_process_that_ends_leaves_what_it_has_no_time_for_to_a_worker(
    own: Examiner, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams = [converse("ada", f"Question {number}", uuid4().hex)[1] for number in range(4)]
    monkeypatch.setattr(examiner, "PAUSE", 0.0)
    monkeypatch.setattr(examiner, "BATCH", 1)
    monkeypatch.setattr(examiner, "REST", 1_000_000)
    own.offer(streams)
    until(lambda: Examination.objects.count() == 1)
    monkeypatch.setattr(examiner, "CLOSING", 0.0)
    own.close()
    assert Examination.objects.count() == 1
    assert examiner.examine_pending() == 3
    # It may be used again, and ends what it has time for.
    monkeypatch.setattr(examiner, "CLOSING", 60.0)
    _, another = converse("ada", "One more", "And its answer")
    own.offer([another])
    own.close()
    assert Examination.objects.filter(stream=another).exists()


def test_a_process_that_ends_without_its_database_leaves_all_to_a_worker(
    own: Examiner, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[int] = []

    def away(streams: list[UUID]) -> None:
        tries.append(len(streams))
        raise OperationalError("the database is away")

    monkeypatch.setattr(examiner, "PAUSE", 0.0)
    monkeypatch.setattr(examiner, "BATCH", 1)
    monkeypatch.setattr(examiner, "CLOSING", 0.0)
    monkeypatch.setattr(examiner, "REST", 1_000_000_000)
    monkeypatch.setattr(examiner, "_examine", away)
    own.offer([uuid4() for _ in range(5)])
    until(lambda: tries)
    own.close()
    assert tries == [1]
