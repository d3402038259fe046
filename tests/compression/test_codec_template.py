import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compression.codec.errors import LibraryError
from compression.codec.template import Template
from tests.compression.strategies import LETTERS, templates


@given(templates(), st.data())
def test_a_filled_template_matches_and_gives_the_text_back(template: Template, data: st.DataObject) -> None:
    text = template.fill([data.draw(LETTERS) for _ in range(template.slot_count)])
    slots = template.match(text)
    assert slots is not None
    assert template.fill(slots) == text


@given(templates(), LETTERS)
def test_matches_exactly_what_a_regular_expression_matches(template: Template, text: str) -> None:
    pattern = "(.*?)".join(re.escape(part) for part in template.parts)
    expected = re.fullmatch(pattern, text, re.DOTALL)
    slots = template.match(text)
    assert (slots is None) == (expected is None)
    if expected is not None:
        assert slots == list(expected.groups())


def test_parts_are_taken_at_their_leftmost_occurrence() -> None:
    assert Template(0, ("a", "-", "z")).match("a1-2-3z") == ["1", "2-3"]


def test_first_and_last_part_do_not_overlap() -> None:
    assert Template(0, ("aba", "aba")).match("ababa") is None
    assert Template(0, ("aba", "aba")).match("abaaba") == [""]


def test_an_inner_part_does_not_reach_into_the_last() -> None:
    assert Template(0, ("a", "yz", "z")).match("ayz") is None
    assert Template(0, ("a", "yz", "z")).match("ayzz") == ["", ""]


def test_pattern_is_for_people() -> None:
    assert Template(0, ("From ", " to ", ".")).pattern() == "From {0} to {1}."


@pytest.mark.parametrize(
    ("template_id", "parts", "message"),
    [
        (-1, ("a",), "id"),
        (2**53, ("a",), "id"),
        (0, (), "parts"),
        (0, ("a",) * 33, "parts"),
        (0, ("",), "fixed"),
        (0, ("", ""), "fixed"),
        (0, ("a", "", "b"), "nothing between"),
        (0, ("ä" * 2049,), "fixed"),
        (0, ("a", "\ud800"), "surrogate"),
    ],
)
def test_bounds(template_id: int, parts: tuple[str, ...], message: str) -> None:
    with pytest.raises(LibraryError, match=message):
        Template(template_id, parts)


def test_the_largest_template_is_allowed() -> None:
    assert Template(2**53 - 1, ("ä" * 1024, *["a"] * 30, "b" * 2018)).fixed_bytes == 4096
