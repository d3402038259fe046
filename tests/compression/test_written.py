from hypothesis import example, given
from hypothesis import strategies as st

from compression.admin.written import read, written

PARTS = st.lists(st.text("{}019 a"), min_size=1, max_size=12)


@given(PARTS)
@example(["Write {0} or {{0}}, ", "}"])
def test_what_was_written_is_read_as_it_was(parts: list[str]) -> None:
    assert read(written(parts)) == parts


def test_people_see_braces_twice_and_slots_once() -> None:
    assert written(["Dear ", ", write {0}."]) == "Dear {0}, write {{0}}."


def test_a_brace_alone_is_one() -> None:
    assert read("f(x) {7}= {x}") == ["f(x) ", "= {x}"]
