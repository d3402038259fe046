"""Filters of topics."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.flow.filters import Filter

EVENT = {"from": "bot-7", "kind": "alarm", "data": {"room": 7, "open": True, "tags": ["a"], "deep": {"x": None}}}


@pytest.mark.parametrize(
    ("wanted", "passes"),
    [
        ({}, True),
        ({"kind": "alarm"}, True),
        ({"kind": ["note", "alarm"]}, True),
        ({"kind": "note"}, False),
        ({"data.room": 7}, True),
        ({"data.room": "7"}, False),
        ({"data.room": True}, False),
        ({"data.open": True}, True),
        ({"data.open": 1}, False),
        ({"data.deep.x": None}, True),
        ({"data.missing": None}, True),
        ({"data.missing.more": 1}, False),
        ({"from": {"prefix": "bot-"}}, True),
        ({"from": {"prefix": "ada"}}, False),
        ({"data.room": {"prefix": "7"}}, False),
        ({"data.tags": "a"}, False),
        ({"kind": "alarm", "data.room": 8}, False),
        ({"kind": []}, False),
    ],
)
def test_what_passes(wanted: dict, passes: bool) -> None:
    assert Filter.parse(json.dumps(wanted)).passes(EVENT) is passes


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "7",
        '{"": 1}',
        '{"a..b": 1}',
        '{"a.b.c.d.e": 1}',
        '{"a": {"prefix": 7}}',
        '{"a": {"prefix": "x", "y": 1}}',
        '{"a": [[1]]}',
        '{"a": ' + "[" * 5000,
        json.dumps({"a": list(range(33))}),
        json.dumps({str(number): 1 for number in range(9)}),
    ],
)
def test_what_is_no_filter_is_told(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Filter.parse(text)


def test_no_filter_lets_all_through() -> None:
    assert not Filter.parse("")
    assert Filter.parse("").passes({})


@given(st.text(), st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_any_event_and_any_text_end_in_an_answer(text: str, data: object) -> None:
    try:
        wanted = Filter.parse(text)
    except ValueError:
        return
    assert wanted.passes({"data": data}) in (True, False)
