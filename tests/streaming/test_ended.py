"""Streams kept for a moment after their end."""

from uuid import UUID, uuid4

import pytest

from audit.journal import journal
from streaming import ended
from streaming.ended import Ended
from streaming.flow.events import StreamChunk, StreamDone
from streaming.messages import Message
from streaming.streams import Stream

MEGABYTE = 1024 * 1024


def stream_of(size: int) -> Stream:
    stream = Stream(Message(1, "ada", uuid4(), uuid4(), "Hello"), journal(), window=4 * MEGABYTE, grace=1)
    stream.publish([StreamChunk(0, "x" * size), StreamDone(1)])
    return stream


def test_a_stream_is_its_users_alone() -> None:
    kept, stream = Ended(), stream_of(10)
    kept.keep(stream)
    assert kept.get(1, stream.name) is stream
    assert kept.get(2, stream.name) is None
    assert kept.get(1, uuid4()) is None


def test_the_oldest_make_room_for_newer_ones() -> None:
    kept = Ended()
    streams = [stream_of(MEGABYTE) for _ in range(40)]
    for stream in streams:
        kept.keep(stream)
        kept.keep(stream)  # twice is once
    found = [stream for stream in streams if kept.get(1, stream.name)]
    assert found == streams[-15:]
    assert len(kept) == 15


def test_many_small_events_count_for_more_than_their_text() -> None:
    kept = Ended()
    first = Stream(Message(1, "ada", uuid4(), uuid4(), ""), journal(), window=4 * MEGABYTE, grace=1)
    first.publish([StreamChunk(offset, "x") for offset in range(ended.LIMIT // ended.EVENT_COST + 1)])
    kept.keep(first)
    assert len(kept) == 0


def test_time_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Ended()
    kept.keep(stream_of(10))
    kept.expire()
    assert len(kept) == 1
    monkeypatch.setattr(ended, "EXPIRY", -1.0)
    kept = Ended()
    kept.keep(stream_of(10))
    kept.expire()
    assert len(kept) == 0


def test_what_was_erased_is_forgotten() -> None:
    kept, gone, stays = Ended(), stream_of(10), stream_of(10)
    kept.keep(gone)
    kept.keep(stays)
    kept.forget(streams=[gone.name, UUID(int=0)], user=None, conversations=[])
    assert kept.get(1, gone.name) is None
    assert kept.get(1, stays.name) is stays
