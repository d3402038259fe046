"""What is kept of personal data, and what is mined in its place."""

import re
import string

from hypothesis import given
from hypothesis import strategies as st

from compression.discovery import conservative
from compression.discovery.masks import invented, masked

PHONE = "Call +49 30 9018 2045 now."
SIGNS = string.ascii_letters + string.digits + " .,@#·⟦⟧_\n" + "éم٣²"
TEXTS = st.text(SIGNS, max_size=80)


def test_the_form_alone_is_left() -> None:
    assert masked(PHONE, conservative(PHONE)) == "Call ⟦+## ## #### ####⟧ now."


def test_letters_of_an_address_are_gone_too() -> None:
    text = "Write to help.desk@corp-example.org."
    assert masked(text, [(9, 35)]) == "Write to ⟦····.····@····-·······.···⟧."
    assert masked(text, []) == text


def test_spans_may_overlap_and_be_empty() -> None:
    assert masked("ab12cd34", [(4, 6), (2, 5), (7, 7), (0, 0)]) == "ab⟦##··⟧34"


def test_what_is_invented_has_the_form_and_is_another_in_each_sample() -> None:
    kept = masked(PHONE, conservative(PHONE))
    some = {invented(kept, seed) for seed in range(100)}
    assert len(some) > 90
    assert all(len(text) == len(PHONE) and conservative(text) == conservative(PHONE) for text in some)
    assert invented(kept, 7) == invented(kept, 7)
    brief = {invented(kept, seed, short=True) for seed in range(100)}
    assert len(brief) > 90
    assert all(re.fullmatch(r"Call \d{4} now\.", text) for text in brief)


@given(TEXTS, st.lists(st.tuples(st.integers(0, 80), st.integers(0, 80)), max_size=4), st.integers())
def test_nothing_of_what_is_taken_out_is_left_and_all_else_is(
    text: str, pairs: list[tuple[int, int]], seed: int
) -> None:
    # The test's own marks: what is written like one is none of these.
    text = text.replace("⟦", "").replace("⟧", "")
    spans = [(min(pair), min(max(pair), len(text))) for pair in pairs if min(pair) < len(text)]
    kept = masked(text, spans)
    taken = {place for start, end in spans for place in range(start, end)}
    bare = kept.replace("⟦", "").replace("⟧", "")
    assert len(bare) == len(text)
    for place, (before, after) in enumerate(zip(text, bare, strict=True)):
        if place not in taken:
            assert after == before
        elif before.isalnum() or before == "_":
            assert after in "#·"
    filled = invented(kept, seed)
    assert len(filled) == len(text)
    assert all(filled[place] == text[place] for place in range(len(text)) if place not in taken)


@given(st.text("⟦⟧#·a ", max_size=60), st.integers())
def test_what_is_written_like_a_mark_does_no_harm(text: str, seed: int) -> None:
    assert len(invented(text, seed)) <= len(text)
