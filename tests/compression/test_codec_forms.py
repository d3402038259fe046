import pytest
from hypothesis import given
from hypothesis import strategies as st

from compression.codec import DIGIT, CodecError, Forms, LibraryError, form_of
from tests.compression.strategies import FORMS, TEXT

VALUES = st.text("ab 01□é", max_size=8) | TEXT


@given(st.sampled_from(FORMS) | st.lists(VALUES.filter(bool), min_size=1, max_size=5, unique=True).map(Forms), VALUES)
def test_every_value_comes_back_and_has_the_size_that_was_said(forms: Forms, value: str) -> None:
    code = forms.encode(value)
    assert len(code) == forms.size(value)
    content, end = forms.decode(b"xx" + code + b"y", 2)
    assert (content.decode(), end) == (value, 2 + len(code))


@given(st.sampled_from(FORMS), st.binary(max_size=12))
def test_any_bytes_are_a_value_or_an_error(forms: Forms, data: bytes) -> None:
    try:
        _, end = forms.decode(data, 0)
    except CodecError as error:
        assert error.name in {"truncated", "bad_varint", "bad_slot"}
    else:
        assert end <= len(data)


def test_a_value_of_a_known_form_takes_a_byte_and_its_digits() -> None:
    forms = Forms(["weekdays from 9:00 to 17:30", "ORD-□□□□□□□", "□□.□□.□□□□"])
    assert forms.encode("weekdays from 9:00 to 17:30") == b"\x00"
    assert forms.encode("ORD-0000258") == b"\x01\x00\x01\x02"
    assert forms.size("24.12.2026") == 1 + 4
    assert forms.encode("no form") == bytes((3 + 7,)) + b"no form"
    assert form_of("a1٢") == f"a{DIGIT}٢"


@pytest.mark.parametrize("texts", [[], [""], ["a", "a"], ["ä" * 129], ["\ud800"], map(str, range(1_025))])
def test_what_are_no_forms_is_refused(texts: list[str]) -> None:
    with pytest.raises(LibraryError):
        Forms(texts)
