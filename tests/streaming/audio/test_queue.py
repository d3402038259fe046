from hypothesis import given
from hypothesis import strategies as st

from streaming.audio.queue import LIMIT, FairQueue


def test_speakers_take_turns() -> None:
    queue: FairQueue[str] = FairQueue()
    for job in ("a1", "a2", "a3"):
        assert queue.put("a", job) == []
    queue.put("b", "b1")
    assert [queue.take() for _ in range(5)] == ["a1", "b1", "a2", "a3", None]


def test_a_passing_job_gives_way() -> None:
    queue: FairQueue[str] = FairQueue()
    assert queue.put("a", "caption 1", passing=True) == []
    assert queue.put("a", "caption 2", passing=True) == ["caption 1"]
    queue.put("b", "turn of b")
    assert queue.take() == "turn of b"
    assert queue.put("a", "turn of a") == ["caption 2"]
    assert [queue.take(), queue.take()] == ["turn of a", None]


def test_one_speaker_cannot_fill_it() -> None:
    queue: FairQueue[int] = FairQueue()
    for job in range(LIMIT):
        assert queue.put("a", job) == []
    assert queue.put("a", 99) == [99]
    assert queue.put("b", 1) == []
    assert sorted(queue.forget("a")) == list(range(LIMIT))
    assert len(queue) == 1


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=60))
def test_every_job_is_done_or_given_back(jobs: list[tuple[str, bool]]) -> None:
    queue: FairQueue[int] = FairQueue()
    out: list[int] = []
    for number, (speaker, passing) in enumerate(jobs):
        out += queue.put(speaker, number, passing=passing)
    assert len(queue) == len(jobs) - len(out)
    while (job := queue.take()) is not None:
        out.append(job)
    assert sorted(out) == list(range(len(jobs)))
