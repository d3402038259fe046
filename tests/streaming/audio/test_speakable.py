import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.audio.speakable import LONGEST, Speakable, without_markup


def pieces(text: str, size: int = 3) -> list[str]:
    speakable = Speakable()
    out = [one for at in range(0, len(text), size) for one in speakable.feed(text[at : at + size])]
    return out + speakable.finish()


def test_sentences_one_after_the_other() -> None:
    assert pieces("Paris. It is a city of 3.5 million people! Is that so?") == [
        "Paris.",
        "It is a city of 3.5 million people!",
        "Is that so?",
    ]


def test_the_first_clause_is_enough_to_begin_with() -> None:
    text = "When you look up, it is blue, because of the air. Then, it is night in the end."
    assert pieces(text) == ["When you look up,", "it is blue, because of the air.", "Then, it is night in the end."]


def test_a_first_sentence_without_a_clause_is_begun_where_a_speaker_may_draw_breath() -> None:
    speakable = Speakable()
    assert speakable.feed("The largest planet in") == []  # it may be "inside"
    assert speakable.feed(" our solar") == ["The largest planet"]
    assert speakable.feed(" system is Jupiter. It") == ["in our solar system is Jupiter."]
    assert pieces("Yes, and the capital of France is Paris.") == ["Yes, and the capital of France is Paris."]


def test_a_sentence_is_ready_as_soon_as_the_next_begins() -> None:
    speakable = Speakable()
    assert speakable.feed("It is so.") == []
    assert speakable.feed(" And") == ["It is so."]
    assert speakable.finish() == ["And"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("**Bold** and *slanted* and `code`", "Bold and slanted and code"),
        ("# A title", "A title"),
        ("- an item", "an item"),
        ("See [the page](https://example.org/a?b=c).", "See the page."),
        ("https://www.example.org/path/to", "example.org"),
        ("| a | b |", "a, b,"),
        ("|---|:-:|", ""),
        ("snake_case stays, 2 * 3 too", "snake_case stays, 2 * 3 too"),
        ("Good 🙂!", "Good !"),
        ("---", ""),
        ("…", ""),
    ],
)
def test_markup_is_not_read_aloud(text: str, words: str) -> None:
    assert without_markup(text) == words


def test_code_is_left_out() -> None:
    text = "Do this:\n\n```python\nprint('no. never')\n```\n\nThen rest."
    assert pieces(text) == ["Do this:", "Then rest."]


def test_a_fence_that_never_ends_says_nothing_more() -> None:
    assert pieces("Look.\n```\nx = 1\ny = 2") == ["Look."]


@given(st.text(alphabet="ab ,.!?\n`*-|", max_size=300), st.integers(1, 40))
def test_how_a_text_is_divided_makes_no_difference_behind_the_first_words(text: str, size: int) -> None:
    assert "".join(pieces(text, size)).replace(" ", "") == "".join(pieces(text, 1)).replace(" ", "")


@given(st.text(max_size=600))
def test_every_text_is_said_in_pieces_of_bounded_length(text: str) -> None:
    assert all(len(one) <= 2 * LONGEST for one in pieces("x" + text.replace("`", "").replace("~", ""), 7))


@given(st.lists(st.sampled_from(["one", "two.", "three,", "four!", "five"]), max_size=80))
def test_no_word_is_lost(words: list[str]) -> None:
    assert " ".join(pieces(" ".join(words), 5)).split() == words
