"""The cost of matching is counted in candidates looked at, not in time."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compression.codec.library import Library, default_library
from compression.codec.matcher import MAX_CANDIDATES, Matcher
from compression.codec.template import Template
from tests.compression.strategies import libraries, matching_texts

TOPICS = ["the first invoice", "a parcel from Basra", "seat 14C", "öffentliche Verkehrsmittel"]


@given(st.data())
def test_finds_the_smallest_of_all_matches(data: st.DataObject) -> None:
    library = data.draw(libraries())
    text = data.draw(matching_texts(library))
    sizes = [
        (template.coded_size(slots), template.id)
        for template in library.templates
        if (slots := template.match(text)) is not None
    ]
    match = library.match(text)
    assert (match and (match.size, match.template.id)) == (min(sizes) if sizes else None)


@given(st.data())
def test_no_payload_is_smaller_than_is_said_beforehand(data: st.DataObject) -> None:
    library = data.draw(libraries())
    text = data.draw(matching_texts(library))
    for template in library.templates:
        slots = template.match(text)
        assert slots is None or template.least_size(len(text.encode())) <= template.coded_size(slots)


@given(st.data())
def test_every_match_is_a_candidate(data: st.DataObject) -> None:
    library = data.draw(libraries())
    text = data.draw(matching_texts(library))
    candidates = list(Matcher(library.templates).candidates(text))
    matching = {template.parts for template in library.templates if template.match(text) is not None}
    assert matching <= {template.parts for template in candidates}


def distinct(number: int) -> tuple[str, ...]:
    return (f"Case {number}: ", " was settled by office ", f" (reference {number * 7919})")


def same_ends(number: int) -> tuple[str, ...]:
    return ("Your request about ", f" went to desk number {number} in room ", " today.")


def slots_at_both_ends(number: int) -> tuple[str, ...]:
    return ("", f" was handed to the officer with the badge {number} on ", "")


def same_beginning(number: int) -> tuple[str, ...]:
    return ("We are sorry to hear that. " * 15 + f"Your ticket is number {number}, about ", ".")


SHAPES = [distinct, same_ends, slots_at_both_ends, same_beginning]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_cost_does_not_grow_with_the_library(shape: Callable[[int], tuple[str, ...]]) -> None:
    for count in (15, 10_000):
        matcher = Matcher(Template(number, shape(number)) for number in range(count))
        for number in range(0, count, max(1, count // 50)):
            template = Template(number, shape(number))
            text = template.fill([TOPICS[(number + n) % len(TOPICS)] for n in range(template.slot_count)])
            # At most a bucket of each table, of which grams have five sizes; in truth it is one or two.
            assert len(list(matcher.candidates(text))) <= 16
            match = matcher.match(text)
            assert match is not None
            assert match.template.id == number
        assert len(list(matcher.candidates("None of them is like this"))) <= 16


def test_a_hostile_text_is_verified_a_bounded_number_of_times(monkeypatch: pytest.MonkeyPatch) -> None:
    matcher = Matcher(Template(number, same_ends(number)) for number in range(10_000))
    pieces = "".join(f" went to desk number {number} in room" for number in range(2_000))
    calls = 0
    real_match = Template.match

    def counted(self: Template, text: str) -> list[str] | None:
        nonlocal calls
        calls += 1
        return real_match(self, text)

    monkeypatch.setattr(Template, "match", counted)
    matcher.match(f"Your request about {pieces} today.")
    assert 0 < calls <= MAX_CANDIDATES


def test_of_equal_sizes_the_lowest_id_wins() -> None:
    library = Library([Template(3, ("ab", "c")), Template(4, ("a", "bc")), Template(5, ("ab", "c"))])
    match = library.match("ab-c")
    assert match is not None
    assert match.template.id == 3


def test_the_default_templates_find_themselves() -> None:
    for template in default_library().templates:
        text = template.fill(["Baghdad"] * template.slot_count)
        match = default_library().match(text)
        assert match is not None
        assert match.template == template


def test_crowded_templates_are_found_by_their_words() -> None:
    """Templates that begin and end alike, as canned replies do, with a word of their own in the middle."""
    templates = [
        Template(200 + n, ("Dear ", f", we have news about case number {n * 7919} for ", ".")) for n in range(300)
    ]
    matcher = Matcher(templates)
    for template in templates:
        match = matcher.match(template.fill(["Ada", "you"]))
        assert match is not None
        assert match.template is template
    assert matcher.match("Dear " + "we have news about " * 2_000 + ".") is None
