"""The parser of event streams, cut anywhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_ai.providers.sse import EventParser, LineTooLong

STREAM = (
    'data: {"a": "é"}\n\n: a comment\ndata: two\ndata: lines\n\nevent: x\r\ndata:none\r\n\r\ndata: [DONE]\r\rdata: open'
).encode()
EVENTS = ['{"a": "é"}'.encode(), b"two\nlines", b"none", b"[DONE]"]


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_cuts_change_nothing(cuts: list[int]) -> None:
    parser, events, start = EventParser(), [], 0
    for cut in [*sorted(cuts), len(STREAM)]:
        events += parser.feed(STREAM[start:cut])
        start = cut
    assert events == EVENTS


@given(st.lists(st.binary(max_size=30), max_size=20))
def test_any_bytes_end_in_events(chunks: list[bytes]) -> None:
    parser = EventParser()
    assert all(isinstance(event, bytes) for chunk in chunks for event in parser.feed(chunk))


@pytest.mark.parametrize("data", [b"x" * 101, b"data: " + b"x" * 50 + b"\ndata: " + b"x" * 60 + b"\n"])
def test_what_never_ends_is_refused(data: bytes) -> None:
    with pytest.raises(LineTooLong):
        EventParser(limit=100).feed(data)
