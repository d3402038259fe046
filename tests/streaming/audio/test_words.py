import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.audio.words import Agreement, agreed, is_phantom, is_whole, plain, repeats, spoken_words

WORDS = st.lists(st.sampled_from(["the", "The,", "cat", "sat", "on", "a", "mat."]), max_size=12)


@pytest.mark.parametrize("text", ["", " ", "...", "[BLANK_AUDIO]", "(music)", "*sighs*", "♪ ♪", "you", "Thank you."])
def test_what_engines_say_of_noise_is_nothing(text: str) -> None:
    assert is_phantom(text, voiced=200)


def test_the_same_words_count_when_they_were_spoken() -> None:
    assert not is_phantom("Thank you.", voiced=600)
    assert not is_phantom("Stop.", voiced=200)
    assert is_phantom("[MUSIC]", voiced=5_000)


def test_words_without_what_was_noted_about_sounds() -> None:
    assert spoken_words("Well, (coughs) I think  [noise] so.") == "Well, I think so."
    assert plain("Well, I DON'T think so!") == "well i don't think so"


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("What is it?", True),
        ("I think...", False),
        ("I think", False),
        ("ما هذا؟", True),
        ("", False),
        ("Well, ", False),
    ],
)
def test_whole_sentences(text: str, whole: bool) -> None:
    assert is_whole(text) is whole


@given(WORDS, WORDS)
def test_agreement_is_a_common_beginning(one: list[str], other: list[str]) -> None:
    count = agreed(one, other)
    assert [plain(word) for word in one[:count]] == [plain(word) for word in other[:count]]
    assert count == min(len(one), len(other)) or plain(one[count]) != plain(other[count])


@given(st.lists(WORDS, max_size=8))
def test_what_was_certain_stays_so(hypotheses: list[list[str]]) -> None:
    agreement = Agreement()
    before = 0
    for words in hypotheses:
        certain, rest = agreement.push(" ".join(words))
        assert len(certain.split()) >= before
        before = len(certain.split())
        if len(words) >= before:
            assert [*certain.split(), *rest.split()] == words


def test_two_hypotheses_make_words_certain() -> None:
    agreement = Agreement()
    assert agreement.push("what is") == ("", "what is")
    assert agreement.push("What is the cap") == ("What is", "the cap")
    assert agreement.push("What is the capital of") == ("What is the", "capital of")
    assert agreement.push("What") == ("What is the", "")


def test_repetition_is_found_where_it_begins() -> None:
    words = ["I", "think", "that", "it", "is", "I", "think", "that", "it", "is"]
    assert repeats(words) == 5
    assert repeats(["one", "two", "three", "four", "five", "six", "seven"]) is None
    assert repeats(("no " * 10).split()) == 1


@given(st.lists(st.sampled_from("abc"), max_size=30))
def test_what_is_before_a_repetition_repeats_nothing(words: list[str]) -> None:
    place = repeats(words)
    kept = words if place is None else words[: place + 3]
    runs = [tuple(kept[at : at + 4]) for at in range(len(kept) - 3)]
    assert len(set(runs)) == len(runs)
