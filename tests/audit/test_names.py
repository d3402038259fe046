"""Names: Arabic ones by what stands beside them, Latin ones by a model, and flags for both."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit import examiner
from audit.models import Flag, NameSearch, Review
from audit.names import _AGAIN, _WINDOW, Model, model_folder
from audit.records import names
from audit.verification import verify
from tests.audit.scenario import converse


def found(text: str) -> list[str]:
    return [text[one.start : one.end] for one in names.arabic(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("مرحبا، اسمي أحمد المنصوري وأريد حجزا", ["أحمد المنصوري"]),
        ("تحدثت مع الدكتورة ليلى عن النتيجة", ["ليلى"]),
        ("أرسله إلى السيد خالد بن الوليد غدا", ["خالد بن الوليد"]),
        ("وصل عمر بن سالم أمس، ومعه عبد الرحمن النجار", ["عمر بن سالم", "عبد الرحمن"]),
        ("قال عبدالله إنه سيأتي", ["عبدالله"]),
        ("التقيت أبو كريم في السوق", ["أبو كريم"]),
        ("السيد المدير لم يرد", []),
        ("أريد السفر إلى أبو ظبي", []),
        ("اسمه غير معروف", []),
        ("What is the capital of France?", []),
    ],
)
def test_arabic_names_that_something_beside_them_shows(text: str, expected: list[str]) -> None:
    assert found(text) == expected


@given(st.text(st.characters(codec="utf-8")) | st.text("اسمي السيدبن عبدلله.و"))
def test_findings_are_in_order_inside_the_text_and_apart(text: str) -> None:
    at = 0
    for one in names.arabic(text):
        assert at <= one.start < one.end <= len(text)
        at = one.end


@pytest.mark.parametrize("word", ["عبد ", "بن ", "أبو ", "السيد ", "ا", "السيد علي "])
def test_a_long_hostile_text_has_names_of_bounded_length(word: str) -> None:
    assert all(len(name) <= 200 for name in found(word * 50_000))


def test_pieces_of_a_name_are_joined_and_made_whole_words() -> None:
    text = "for Anne-Marie O'Brien, and Bob"
    pieces = [(4, 6), (9, 14), (15, 16), (17, 20), (28, 29)]
    assert [text[one.start : one.end] for one in names.joined(text, pieces)] == ["Anne-Marie O'Brien", "Bob"]


@pytest.fixture(scope="module")
def model() -> Model:
    folder = model_folder()
    if folder is None:
        pytest.skip("the model of names is not installed: requirements-names.txt")
    return Model(folder)


def test_the_model_finds_names_and_leaves_other_words(model: Model) -> None:
    text = "My name is Alice Johnson, and Dr. Okonkwo knows. Is Paris in France?"
    assert [text[one.start : one.end] for one in model.find(text)] == ["Alice Johnson", "Okonkwo"]
    assert list(model.find("اسمي أحمد")) == []


def test_a_name_is_found_wherever_the_windows_are_cut(model: Model) -> None:
    for before in range(_WINDOW - _AGAIN - 4, _WINDOW + 4):
        text = "so " * before + ". My name is Alice Johnson." + " so" * _WINDOW
        assert "Alice" in " ".join(text[one.start : one.end] for one in model.find(text)), before


@pytest.mark.django_db(transaction=True)
def test_turns_with_names_are_flagged_once_and_reviewed() -> None:
    conversation, stream = converse("ada", "اسمي أحمد المنصوري", "Hello.")
    converse("ada", "What is the capital of France?", "Paris.")
    assert examiner.search_pending() == 2
    assert examiner.search_pending() == 0
    examiner.search_streams([stream])
    flags = Flag.objects.filter(rule=examiner.RULE)
    assert [(flag.stream, flag.side, flag.category, flag.detail) for flag in flags] == [
        (stream, "prompt", "personal", "name 1")
    ]
    assert UUID(str(Review.objects.get().pk)) == conversation
    assert NameSearch.objects.count() == 2
    assert verify().problem is None
