"""Fair shares between channels."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from streaming.flow.schedule import QUANTUM, FairSchedule


def run(queues: dict[int, list[int]], weights: dict[int, int], budget: int) -> list[tuple[int, int]]:
    """Send sizes from the queues until `budget` bytes are gone; return (channel, size) in order."""
    schedule = FairSchedule()
    sent: list[tuple[int, int]] = []

    def ready(channel: int) -> tuple[int, int] | None:
        return (channel, queues[channel].pop(0)) if queues[channel] else None

    for channel, size in schedule.take(lambda: queues, weights.__getitem__, ready):
        sent.append((channel, size))
        schedule.spend(channel, size)
        budget -= size
        if budget <= 0:
            break
    return sent


def test_bandwidth_is_shared_by_weight_whatever_the_sizes() -> None:
    queues = {1: [300] * 1000, 2: [9_000] * 1000, 3: [50] * 10_000}
    weights = {1: 8, 2: 4, 3: 1}
    total: Counter[int] = Counter()
    for channel, size in run(queues, weights, 400_000):
        total[channel] += size
    assert abs(total[1] / total[2] - 2) < 0.2
    assert abs(total[2] / total[3] - 4) < 0.6


@given(
    st.dictionaries(st.integers(1, 9), st.lists(st.integers(1, 70_000), max_size=12), min_size=1, max_size=6),
    st.data(),
)
def test_everything_is_sent_once_and_in_order(queues: dict[int, list[int]], data: st.DataObject) -> None:
    weights = {channel: data.draw(st.sampled_from([1, 4, 8])) for channel in queues}
    wanted = {channel: list(sizes) for channel, sizes in queues.items()}
    sent = run(queues, weights, 1 << 60)
    assert {channel: [size for number, size in sent if number == channel] for channel in wanted} == wanted


def test_a_short_answer_is_not_held_up_by_a_long_one() -> None:
    queues = {1: [60_000] * 50, 2: [40] * 3}
    order = [channel for channel, _ in run(queues, {1: 4, 2: 4}, 1 << 60)]
    assert order.index(2) <= 1
    assert order[:6].count(2) == 3


def test_a_channel_that_was_idle_has_saved_nothing() -> None:
    queues = {1: [QUANTUM] * 100, 2: []}
    schedule = FairSchedule()

    def ready(channel: int) -> int | None:
        return channel if queues[channel] and queues[channel].pop() else None

    order: list[int] = []
    for channel in schedule.take(lambda: queues, lambda _: 1, ready):
        schedule.spend(channel, QUANTUM)
        order.append(channel)
        if len(order) == 50:
            queues[2] = [QUANTUM] * 10
    late = order[50:70]
    assert max(len(run_) for run_ in "".join(map(str, late)).split("1")) <= 2


def test_who_sends_alone_makes_room_for_who_comes() -> None:
    queues = {1: [300] * 1_000}
    schedule = FairSchedule()

    def ready(channel: int) -> int | None:
        return channel if queues[channel] and queues[channel].pop() else None

    order: list[int] = []
    for channel in schedule.take(lambda: queues, lambda _: 1, ready):
        schedule.spend(channel, QUANTUM)
        order.append(channel)
        if len(order) == 50:
            queues[2] = [300] * 10
    assert order[:50] == [1] * 50
    assert set(order[50:54]) == {1, 2}
    assert order.count(2) == 10
