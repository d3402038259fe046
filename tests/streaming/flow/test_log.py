"""The bounded log of a stream."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.flow.events import StreamChunk, StreamDone
from streaming.flow.log import OutsideWindow, StreamLog


@given(st.lists(st.text(max_size=20), max_size=60), st.integers(0, 200))
def test_the_log_keeps_the_newest_events_within_its_window(texts: list[str], window: int) -> None:
    log = StreamLog(window)
    for offset, text in enumerate(texts):
        log.append(StreamChunk(offset, text))
    sizes = [len(text.encode()) for text in texts]
    assert log.next == len(texts)
    kept = range(log.first, log.next)
    assert [log.get(offset) for offset in kept] == [StreamChunk(n, texts[n]) for n in kept]
    if len(kept) > 1:
        assert sum(sizes[log.first :]) <= window
    if log.first:
        assert sum(sizes[log.first - 1 :]) > window
    for offset in kept:
        assert log.backlog(offset) == sum(sizes[offset:])


@pytest.mark.parametrize("offset", [-1, 1, 5])
def test_an_offset_outside_is_refused(offset: int) -> None:
    log = StreamLog(10)
    log.append(StreamChunk(0, "a"))
    with pytest.raises(OutsideWindow):
        log.get(offset)


def test_offsets_rise_by_one_and_nothing_follows_the_end() -> None:
    log = StreamLog(10)
    with pytest.raises(ValueError, match="0 was due"):
        log.append(StreamChunk(1, "a"))
    log.append(StreamDone(0))
    with pytest.raises(ValueError, match="ended: True"):
        log.append(StreamChunk(1, "a"))
