"""The longest modules begin first."""

import pytest

from tests import longest
from tests.live import ROOT


def test_each_of_them_is_there_and_is_named_once() -> None:
    assert [name for name in longest.LONGEST if not (ROOT / name).is_file()] == []
    assert len(set(longest.LONGEST)) == len(longest.LONGEST)


def test_a_run_begins_with_them_in_their_order(request: pytest.FixtureRequest) -> None:
    places = [longest.place(item.nodeid) for item in request.session.items]
    assert places == sorted(places)
    assert longest.place(f"{longest.LONGEST[0]}::test_one") < longest.place("tests/test_longest.py::test_one")
